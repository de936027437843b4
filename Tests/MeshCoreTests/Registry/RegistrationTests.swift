// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import Testing

@Suite struct RegistrationTests {
    @Test func `a whole one is read, and written as it was`() throws {
        let text = """
            {"addresses":["192.0.2.7:9000","[2001:db8::7]:9000"],"id":"laptop","ip":"192.0.2.7","metadata":{"role":"build"},\
            "name":"Ann's laptop","port":9000,"ttl":60}
            """
        let registration = try Registration(parsing: text.utf8)
        #expect(registration.id.description == "laptop")
        #expect(registration.ip == "192.0.2.7")
        #expect(registration.port == 9000)
        #expect(registration.name == "Ann's laptop")
        #expect(registration.addresses.map(\.description) == ["192.0.2.7:9000", "[2001:db8::7]:9000"])
        #expect(registration.ttl == .seconds(60))
        #expect(registration.metadata == ["role": "build"])
        #expect(JSON.object(registration.json).description == text)
    }

    @Test func `an id is enough; null is as good as absent; unknown members are left alone`() throws {
        let id = try #require(RecordID("a"))
        #expect(try Registration(parsing: #"{"id":"a"}"#.utf8) == Registration(id: id))
        let text = #"{"id":"a","ip":null,"port":null,"name":null,"addresses":null,"ttl":null,"metadata":null,"new":{}}"#
        #expect(try Registration(parsing: text.utf8) == Registration(id: id))
    }

    @Test(arguments: [
        (
            RegistrationField.id,
            [
                "\"\"", "1", "[]", "\".\"", "\"..\"", "\"a b\"", "\"a/b\"", "\"a\\nDevice evil: 1.2.3.4:5\"", "\"é\"",
                "\"a\\u0000\"",
                "\"\(String(repeating: "a", count: 65))\"",
            ]
        ),
        (
            .ip,
            [
                "\"\"", "4", "\"localhost\"", "\"1.2.3\"", "\"1.2.3.4.5\"", "\"256.1.1.1\"", "\"[::1]\"",
                "\"fe80::1%eth0\"",
                "\"1.2.3.4:5\"", "\"1.2.3.4\\u0000\"", "\"1.2.3.4\\n\"",
            ]
        ),
        (
            .port,
            ["0", "-1", "70000", "65536", "80.5", "99999999999999999999", "\"80\"", "true"]
        ),
        (
            .name,
            ["\"\"", "1", "\"a\\nb\"", "\"\\u001b[2J\"", "\"\\u202e\"", "\"\(String(repeating: "é", count: 33))\""]
        ),
        (
            .addresses,
            [
                "\"a:1\"", "[1]", "[\"a\"]", "[\"a:0\"]", "[\"a:70000\"]", "[\"a b:1\"]", "[\"::1:80\"]", "[null]",
                "[\(Array(repeating: "\"a:1\"", count: 17).joined(separator: ","))]",
            ]
        ),
        (.ttl, ["4", "86401", "-60", "60.5", "\"60\"", "[]"]),
        (
            .metadata,
            [
                "[]", "\"a\"", #"{"a":1}"#, #"{"":"a"}"#, #"{"a\n":"b"}"#, #"{"a":"b\u0007"}"#,
                "{\"\(String(repeating: "k", count: 65))\":\"\"}", "{\"k\":\"\(String(repeating: "v", count: 257))\"}",
                "{\((0..<17).map { "\"\($0)\":\"\"" }.joined(separator: ","))}",
            ]
        ),
    ])
    func `each fault names its field`(field: RegistrationField, values: [String]) {
        for value in values {
            let text = field == .id ? "{\"id\":\(value)}" : "{\"id\":\"a\",\"\(field.rawValue)\":\(value)}"
            #expect(throws: RegistrationFault.invalid(field), "\(text)") { try Registration(parsing: text.utf8) }
        }
        #expect(RegistrationFault.invalid(field).description.hasPrefix("\(field.rawValue) is not valid: it must be"))
    }

    @Test func `the bounds themselves are allowed`() throws {
        for text in [
            #"{"id":"\#(String(repeating: "a", count: 64))","port":1,"ttl":5,"name":"\#(String(repeating: "é", count: 32))"}"#,
            #"{"id":"A.b_c-9","port":65535,"ttl":86400,"ip":"2001:db8::1"}"#,
            #"{"id":"a","addresses":[\#(Array(repeating: "\"a:1\"", count: 16).joined(separator: ","))]}"#,
            #"{"id":"a","metadata":{"\#(String(repeating: "k", count: 64))":"\#(String(repeating: "v", count: 256))","k":""}}"#,
        ] {
            #expect(throws: Never.self) { try Registration(parsing: text.utf8) }
        }
    }

    @Test func `what is no object with an id is refused as such`() {
        #expect(throws: RegistrationFault.notAnObject) { try Registration(parsing: "[]".utf8) }
        #expect(throws: RegistrationFault.missing(.id)) { try Registration(parsing: "{}".utf8) }
        #expect(throws: RegistrationFault.missing(.id)) { try Registration(parsing: #"{"id":null}"#.utf8) }
        #expect(throws: RegistrationFault.notJSON(.malformed)) { try Registration(parsing: "".utf8) }
    }

    @Test func `an id made of a key has one spelling`() throws {
        let upper = "0123ABCD-0123-8123-8123-0123456789AB"
        #expect(RecordID(upper) == RecordID(upper.lowercased()))
        #expect(RecordID(upper)?.device == DeviceID(upper))
        #expect(RecordID("Device1")?.device == nil)
        #expect(RecordID("Device1") != RecordID("device1"))
    }
}
