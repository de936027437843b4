// SPDX-License-Identifier: Apache-2.0

import MeshCore
import Testing

@Suite struct EarlierRequestTests {
    @Test(
        arguments: [
            (#"{"Handshake":{"node_name":"n","tcp_address":"1.2.3.4:9000"}}"#, .handshake),
            (#""Heartbeat""#, .heartbeat),
            (#"{"Setvalue":{"key":"k","value":"v"}}"#, .set(key: "k", value: "v")),
            (#"{"Sync":{"key":"k","value":"v"}}"#, .set(key: "k", value: "v")),
            (#"{"Getvalue":{"key":"k"}}"#, .get(key: "k")), (#"{"Getvalue":{}}"#, nil),
            (#"{"Setvalue":{"key":"k"}}"#, nil),
            ("{}", nil), (#"{"Getvalue":{"key":1}}"#, nil), (#""Other""#, nil), ("[]", nil), (#"{"Sync":"x"}"#, nil),
        ] as [(String, EarlierRequest?)]
    )
    func `requests are read as the earlier program writes them`(text: String, request: EarlierRequest?) throws {
        #expect(try EarlierRequest(JSON(parsing: text.utf8)) == request)
        #expect(EarlierRequest.mayBeWhole(Array(text.utf8)) == (text != "[]"))
    }

    @Test(
        arguments: [
            (.greeting, #""Greeting""#), (.heartbeat, #""HeartbeatResponse""#),
            (.value("v"), #"{"ValueResponse":{"value":"v"}}"#), (.value(nil), #"{"ValueResponse":{"value":null}}"#),
            (.stored, #"{"ValueResponse":{"value":"Value set successful"}}"#),
        ] as [(EarlierAnswer, String)]
    )
    func `answers are written as it reads them`(answer: EarlierAnswer, text: String) {
        #expect(answer.json.description == text)
    }
}
