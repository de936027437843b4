// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The commands of signaling_server, as an operator types them.
@Suite struct SignalingOperatorTests {
    @Test func `keys and tokens are made, listed and revoked, whether the server runs or not`() async throws {
        try await withTemporaryDirectory { directory in
            let place = "--state-dir \(directory)"
            let offline = try await shell("signaling_server enroll create --tag home \(place) 2>/dev/null")
            #expect(offline.output.wholeMatch(of: /mesh-enroll-[0-9a-f]{64}\n/) != nil)
            let server = try await ServerProcess.start(stateDirectory: directory, options: ["--enrollment", "keys"])
            defer { server.kill() }
            let online = try await shell("signaling_server enroll create --reusable --expires 7d \(place)")
            #expect(online.output.contains("Any number of devices may come in by this key within 7d."))
            let list = try await shell("signaling_server enroll list \(place)")
            #expect(list.output.contains(/[0-9a-f]{8}  0     for one   \S+Z  home\n/))
            #expect(list.output.contains(/[0-9a-f]{8}  0     reusable  \S+Z\n/))
            let id = try #require(list.output.firstMatch(of: #/\n([0-9a-f]{8}) /#)?.1)
            let revoked = try await shell("signaling_server enroll revoke \(id) \(place)")
            #expect(revoked.output == "Revoked the key \(id).\n")
            #expect(try await shell("signaling_server enroll list \(place)").output.contains("revoked"))
            let unknown = try await shell("signaling_server enroll revoke zzzz \(place)")
            #expect(unknown.exitCode == 65)
            #expect(unknown.output.contains("see the list"))

            let token = try await shell("signaling_server token create --read \(place) 2>/dev/null")
            let secret = token.output.trimmingCharacters(in: .newlines)
            let address = "http://127.0.0.1:\(server.port)/devices"
            #expect(try await shell("curl -s \(address)").output.contains(#""cause":"anonymous""#))
            let read = try await shell("curl -s -H 'Authorization: Bearer \(secret)' \(address)")
            #expect(read.output == "[]\n")
            #expect(try await shell("signaling_server token create \(place)").exitCode == 64)
        }
    }

    @Test func `devices are listed, watched and put out`() async throws {
        try await withTemporaryDirectory { directory in
            let place = "--state-dir \(directory)"
            #expect(try await shell("signaling_server devices \(place)").exitCode == 69)
            let server = try await ServerProcess.start(stateDirectory: directory)
            defer { server.kill() }
            let watching = try ProgramProcess("signaling_server", ["watch", "--state-dir", directory])
            defer { watching.kill() }
            let body = #"{"id":"laptop","name":"Ann","port":9000}"#
            _ = try await shell("curl -s --json '\(body)' http://127.0.0.1:\(server.port)/register")
            let list = try await shell("signaling_server devices \(place)").output
            #expect(list.contains("laptop  Ann   127.0.0.1:9000"))
            #expect(try await shell("signaling_server remove laptop \(place)").output == "Removed laptop.\n")
            #expect(try await shell("signaling_server remove laptop \(place)").exitCode == 65)
            #expect(await eventually { watching.says("joined laptop Ann at 127.0.0.1:9000\nremoved laptop Ann") })
            server.terminate()
            #expect(await eventually { !watching.isRunning })
            #expect(watching.exitCode == 69)
        }
    }

    @Test func `a certificate that is renewed is shown without a restart`() async throws {
        try await withTemporaryDirectory { directory in
            let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256"
            let make = "openssl req -x509 \(curve) -nodes -days 2 -subj /CN=localhost"
            let files = "-keyout \(directory)/key.pem -out \(directory)/certificate.pem 2>/dev/null"
            #expect(try await shell("\(make) \(files)").exitCode == 0)
            let tls = ["--tls-certificate", "\(directory)/certificate.pem", "--tls-key", "\(directory)/key.pem"]
            let server = try await ServerProcess.start(stateDirectory: "\(directory)/state", options: tls)
            defer { server.kill() }
            let show = """
                openssl s_client -connect 127.0.0.1:\(server.port) </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
                """
            let first = try await shell(show).output
            #expect(first.contains("Fingerprint="))
            let health = "curl -s --cacert \(directory)/certificate.pem https://localhost:\(server.port)/healthz"
            #expect(try await shell(health).output.contains("ok"))
            #expect(try await shell("\(make) \(files)").exitCode == 0)
            #expect(try await eventually { try await shell(show).output != first })
            #expect(try await shell(health).output.contains("ok"))
            _ = try await shell("echo nonsense > \(directory)/certificate.pem")
            #expect(await eventually { server.log.contains("can't be used") })
            #expect(try await shell(show).output.contains("Fingerprint="))
        }
    }

    @Test func `a device is told from where the server sees it, in either kind of address`() async throws {
        try await withTemporaryDirectory { directory in
            let options = ["--host", "::", "--enrollment", "open", "--port", "0", "--admin-port", "0"]
            let server = try ProgramProcess(
                "signaling_server",
                options + ["--store", "memory", "--state-dir", directory]
            )
            defer { server.kill() }
            let address = #/address=\[::\]:(\d+) /#
            #expect(await eventually { server.log.firstMatch(of: address) != nil || !server.isRunning })
            let port = try #require(server.log.firstMatch(of: address), "\(server.log)").1
            for (host, seen) in [("[::1]", #""observed":"[::1]:"#), ("127.0.0.1", #""observed":"127.0.0.1:"#)] {
                let answer = try await shell("curl -s -g --json '{\"id\":\"a\"}' 'http://\(host):\(port)/register'")
                #expect(answer.output.contains(seen), "\(answer.output)")
            }
        }
    }

    @Test func `settings that can't be are refused in words`() async throws {
        for (options, words) in [
            ("--tls-certificate a", "give both"), ("--trusted-proxy 10.0.0.0/99", "trusted-proxy"),
            ("--address-rate 0", "address-rate"),
            ("--tls-certificate /none --tls-key /none", "can't read a certificate from /none"),
        ] {
            let refused = try await shell("signaling_server --store memory --port 0 --admin-port 0 \(options)")
            #expect(refused.exitCode == 78, "\(options): \(refused.output)")
            #expect(refused.output.contains(words), "\(refused.output)")
        }
    }
}
