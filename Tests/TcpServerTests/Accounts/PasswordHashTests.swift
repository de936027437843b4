// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import tcp_server

@Suite struct PasswordHashTests {
    /// Hashes of one password, by the tool that made each.
    private static let hashes = [
        // openssl passwd -6, openssl passwd -5
        "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
        "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
        // htpasswd -nbB
        "$2y$05$32W2WPLra2BNlfYY/R.LzOQ13WosKCbghfpwcSo4w3t3M1gBhexZa",
        // mkpasswd -m yescrypt, gost-yescrypt, scrypt, bcrypt, bcrypt-a
        "$y$j9T$7BbAG0gvt8LJTmqkXQE/1.$0sKZe516/Z97XEXBQE3Q9TN20sBEIS8Gc2tDQk5e4U1",
        "$gy$j9T$e18JCVQWGVRcSuFnkVEAK.$2NlU.Hu4zu08BYYyjxPcxJKzcrNZZP7a/gtc19d9GT5",
        "$7$CU..../....M4LuUt37dJnUadDxATPA31$SrKP/Fi15kGnohYZGxmmGAOYzflr3.6dlHGnJqSUGkB",
        "$2b$05$D8MB5rwtmMkUz7qShgRq5ut9sXnmx08pvzCmJkuusPNbqrBEcctuq",
        "$2a$05$DB845ies5EgHPA0eqmKnZ.KuoTgAmSQN8/ES/Pzipmhyo1WL3v8n6",
    ]
    private static let password = "correct horse"

    @Test(arguments: hashes)
    func `a hash of each accepted method lets its password in, and no other`(hash: String) {
        #expect(PasswordHash.isAccepted(hash))
        #expect(PasswordHash.matches(Self.password, hash))
        for wrong in ["", "Correct horse", "correct horse ", "correct hors", hash] {
            #expect(!PasswordHash.matches(wrong, hash))
        }
    }

    /// By openssl passwd -1 and -apr1, mkpasswd -m des, and by hand.
    @Test(arguments: [
        "$1$saltsalt$NuzA7WTAelpl95xgBGWN60", "$apr1$saltsalt$EGVZDNN6gOqijy.tv9axG/", "2e.vNpQpBbZrg", "", "*", "!",
        "!!", "x", "*0", "*1", password, "{SHA}correct horse", "$", "$$", "$6", "$0$", "$6$$", "$6$rounds=0$s$h",
        "$6$rounds=99999999999999999999$salt$x", "$y$", "$y$j9T", "$y$j9T$", "$7$", "$7$CU", "$2b$", "$2b$99$",
        "$2x$05$",
        "$6$saltsalt$\0", "$5$salt:salt$h", "$6$sält$h", "$gy$\n",
    ])
    func `what is no hash of an accepted method lets nobody in`(hash: String) {
        for password in [Self.password, "", hash] { #expect(!PasswordHash.matches(password, hash)) }
    }

    @Test(arguments: hashes.filter { !$0.contains("j9T") && !$0.hasPrefix("$7$") })
    func `a hash that is cut short or grown lets nobody in`(hash: String) {
        for length in 0..<hash.count { #expect(!PasswordHash.matches(Self.password, String(hash.prefix(length)))) }
        #expect(!PasswordHash.matches(Self.password, hash + "."))
        #expect(!PasswordHash.matches(Self.password, hash + ":19000:0:99999:7:::"))
    }

    @Test(arguments: [1, 10, 23, 29, 31, 50, 72])
    func `a yescrypt hash that is cut short lets nobody in`(length: Int) {
        let hash = "$y$j9T$7BbAG0gvt8LJTmqkXQE/1.$0sKZe516/Z97XEXBQE3Q9TN20sBEIS8Gc2tDQk5e4U1"
        #expect(!PasswordHash.matches(Self.password, String(hash.prefix(length))))
    }

    @Test(arguments: hashes)
    func `a hash is outdated if new ones are made by a stronger method`(hash: String) throws {
        let isStrongest = hash.hasPrefix("$y$") || hash.hasPrefix("$gy$")
        #expect(PasswordHash.isOutdated(hash) == !isStrongest)
        #expect(!PasswordHash.isOutdated(try #require(PasswordHash.make("secret"))))
    }

    @Test func `a password may be any UTF-8 of up to 511 bytes`() {
        // mkpasswd -m sha512crypt -R 1000 -S saltsalt
        let hash =
            "$6$rounds=1000$saltsalt$RdRehrHUIasBraQAQyAM06aIc68oy6TdsfhkDbSh7Hqgk8pkOOauCB9G6ONvAtDuteQ4YhXx.9bUlzH1SYNY60"
        #expect(PasswordHash.matches("grüße 🐢", hash))
        #expect(!PasswordHash.matches("grusse 🐢", hash))
        let ofLongest =
            "$6$rounds=1000$saltsalt$7FV.ZoAxHUqmPgWVtEDzHDg2KVaD1WYbPTALgGC57hW6HSY33SjQp0oqoFTytK0p9H.77qL9osn39yd6c/Ybz1"
        #expect(PasswordHash.longestPassword == 511)
        #expect(PasswordHash.matches(String(repeating: "p", count: 511), ofLongest))
        #expect(!PasswordHash.matches(String(repeating: "p", count: 512), ofLongest))
        #expect(!PasswordHash.matches(String(repeating: "p", count: 510), ofLongest))
    }

    @Test func `a password with a NUL is not taken for what stands before it`() {
        for hash in Self.hashes.prefix(3) {
            #expect(!PasswordHash.matches("correct horse\0", hash))
            #expect(!PasswordHash.matches("correct horse\0battery", hash))
        }
    }

    @Test func `a new hash is salted, accepted and lets its password in`() throws {
        let first = try #require(PasswordHash.make("secret"))
        let second = try #require(PasswordHash.make("secret"))
        #expect(first != second)
        #expect(PasswordHash.isAccepted(first))
        #expect(PasswordHash.matches("secret", first) && PasswordHash.matches("secret", second))
        #expect(!PasswordHash.matches("Secret", first))
    }

    @Test(arguments: ["", "nul\0", String(repeating: "p", count: 512)])
    func `what can be no password has no hash`(password: String) {
        #expect(PasswordHash.make(password) == nil)
    }
}
