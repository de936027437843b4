// SPDX-License-Identifier: Apache-2.0

/// A self-signed certificate whose key is no P-256 key, made for these tests.
enum RSACertificate {
    static let keyPEM = """
        -----BEGIN PRIVATE KEY-----
        MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC+DjO3+uSlKGEx
        i9oHb62gxHzBjWCOra+pPH2ZbCmLxW8pPy3WqxClhbLj6Kl8a51KePqVWnwiBaYI
        rq7AsLV6LbXJjK295ZUA3+VVSOQM1jDKrCtx35dyyzFqsjjhv3IyXrz96Bln3qqS
        hu9EV8BTOprI8pwZyHhTOEqJXgYiblQxlmeOtNELWMs7kNprETEvuzCmG6Sq1ijP
        ejlIcT+CD3g/f8FSBmUY7M7x+DUn8zpIyXffgtIxr4kVS/Az3LDiNcijDpPzN6su
        mvSpU6Mje1vebRVourctS27cVmOPZsRqXw/mkT4FN5fxpOzyEGHah4MDDiWSdGHK
        bAAT1qW1AgMBAAECggEAWifhh85oBSKlDHxThoCHJELhDW3T1or0z7qmuA9Tm/6h
        zzatt235nRNRu4RkVeW0vR2rfQrp5Le6PdcjhbutstIZMI1f47uTFdGf9/d2WtKG
        XbYTe9a9gJJ8FCmMCyamdNd1Hpsp5hh94LlKqihYTwL3ZwiTXTW4Qn3q+cPU9CKB
        SxFyhImxG++RX/yogeX6r1remeuYYbJB9SzsEs6Kpxr5VBgClNj6y0RGWEejO8ea
        R64y9hO8eYhTYZ++iPj1uuPUxrVRrbyXDVVHo8XSKyF3WYVJRjDYVO+RxZG8WjSx
        cJDSKly9ieBivdyQczsOCz4hoWJPv1DVUUdLYT5FNwKBgQDtnYrmMd2p8CxqZdf6
        QcoNpczQRRGVUmJ2kX6PuOb9+hqgsNG+Vqeu/6o9MhxyK4L3piLa7KIaz2/BiTcd
        VyoC5TCU2NVdLJvNfdOsWPQdsyAhxjAyVlBl9FdHQBVU98RWC+So/YBwHfgQn/MV
        XiWmCdBRNX/j6IVYF1N3l+1gKwKBgQDMwqNg72KO97F8v+JERK2w+QgF+1lhhRYR
        bhYRimnBKEHp9PdzOWVxIMxXPQUMs9gRmKNF1lO0CMMBjlHyjhyMtriuayrHm918
        GnuS/iKLerXPs0CS2u4MpZr7I3UOBDHDxYkbZNcMRmYqBg/YYNRnRMavTkIXAwoJ
        s+oMOndBnwKBgBYEyE9GhazutZ7yaw4ktI2JNK6EB/oXVUp5dwnob3dPitIjMHx7
        2TQNOwBKuXoW8B70xTwWO3tSh5+ekH3mit0T0empIjRtIs7q/wd0gsKRy8N1cxfn
        CbI47zGKDa/++bGjjn/eZd192XPo7oSnYcO+GxC7bWt4K4sbNj/Z00RbAoGAZ+Gj
        g81PQls1x6WOBLaXLD7brDU9vnUHoiYouhNv3dgvwKNQWzvWVFOgd+30PuKLDzpS
        M18uLht327U5rAYfQ+B7x7mFBan07z58TTHzkrHZxZsaeqbpuK7X9uuhOlA0cy8n
        hSde1tJsiIt0xIEzoYTKDCx26TfYgt2tMzECSd8CgYBqjT+Ob2gF5WHDylguVh3h
        V9gmwZ5PhQFExervVUg9mmI3XshRwgiGDDKvjcjgIpO64RL2NZr5gcB5xenxfk9i
        KSS8xXJUz7o8MEFS95VtmYqJ04djEP9udPnb46Kj2KMbeL3FRkya0DGhn2vOPAal
        0KK8GjgwzaBHLUDmy7meVA==
        -----END PRIVATE KEY-----
        """

    static let certificatePEM = """
        -----BEGIN CERTIFICATE-----
        MIIC/zCCAeegAwIBAgIUS3S7kAhyWiMHOgfRxQEVvkoHyaYwDQYJKoZIhvcNAQEL
        BQAwDjEMMAoGA1UEAwwDcnNhMCAXDTI2MTEyMTA5NDYyNloYDzIxMjYxMDI4MDk0
        NjI2WjAOMQwwCgYDVQQDDANyc2EwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEK
        AoIBAQC+DjO3+uSlKGExi9oHb62gxHzBjWCOra+pPH2ZbCmLxW8pPy3WqxClhbLj
        6Kl8a51KePqVWnwiBaYIrq7AsLV6LbXJjK295ZUA3+VVSOQM1jDKrCtx35dyyzFq
        sjjhv3IyXrz96Bln3qqShu9EV8BTOprI8pwZyHhTOEqJXgYiblQxlmeOtNELWMs7
        kNprETEvuzCmG6Sq1ijPejlIcT+CD3g/f8FSBmUY7M7x+DUn8zpIyXffgtIxr4kV
        S/Az3LDiNcijDpPzN6sumvSpU6Mje1vebRVourctS27cVmOPZsRqXw/mkT4FN5fx
        pOzyEGHah4MDDiWSdGHKbAAT1qW1AgMBAAGjUzBRMB0GA1UdDgQWBBQL4wGmxJMw
        Mt7LDYqTHmI4ZIxJ1jAfBgNVHSMEGDAWgBQL4wGmxJMwMt7LDYqTHmI4ZIxJ1jAP
        BgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQAdpMpEBAk96TZjrUko
        +fGwTHaRgBCW4ALNb29uBQzp7cAvlsV+DbkmMxWNPRodz6mAEPy1iCvfRcHtEpOK
        PMsjZgn+r7WKiPop4x6uv3pgzlbZriww7k/fZMfJO9GZbZniZHpy/DM4JDy5xjpM
        XPFGfYw0iX6ORdzQZ0MYp//9hhKPXLZgOXZ2gY8mJJok6dicy7fYdVYXBo02vVOr
        0jEfq9+8dJElYT2jk4MHJzX5UFmZzyIFFUH17dp191luXlhJTAeFJLPMEdOfCygI
        BTDne/vhekyO3pwWLvW1iXsaAQqdOuLJsw3xz5xP1iGv7QY3Yh3oei9NlZf3dViX
        G2vi
        -----END CERTIFICATE-----
        """
}
