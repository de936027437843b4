// SPDX-License-Identifier: Apache-2.0

import MeshCore

/// What is taken for a name, an id or an address is written as something that is taken for the same.
func fuzzNames(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    if let id = DeviceID(text) {
        require(DeviceID(id.description) == id, "\(id) is not read as it was written")
        require(RecordID(text)?.device == id, "A record's id is another's than the device's")
    }
    if let endpoint = Endpoint(text) {
        require(Endpoint(endpoint.description) == endpoint, "\(endpoint) is not read as it was written")
        require(!endpoint.host.isEmpty && endpoint.host.printable == endpoint.host, "\(endpoint) has no proper host")
        _ = endpoint.isLoopback
    }
    if let name = AccountName(text) {
        require(AccountName(name.description) == name, "\(name) is not read as it was written")
        // It stands in a line of a password file, and in one of a chat.
        require(!name.description.contains { ":[]\n\r ".contains($0) }, "\(name) can be mistaken for more")
        require(name.description.printable == name.description, "\(name) steers terminals")
    }
    if let id = RecordID(text) { require(RecordID(id.description) == id, "\(id) is not read as it was written") }
    if let print = KeyFingerprint(text) {
        require(KeyFingerprint(print.description) == print, "\(print) is not read as it was written")
        require(print.description.printable == text, "\(print) steers terminals")
    }
    if text.isIPAddress { require(text.printable == text, "\(text) steers terminals") }
    _ = try? DeviceID(provenBy: input)
    _ = KeyFingerprint(of: input)
}

/// The two checks of text agree with a slower reading of what they promise.
func fuzzText(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    let limit = 64
    let fault = fault(of: text, limit: limit)
    let expected = expectedFault(of: text, limit: limit)
    require(fault == expected, "\(text.debugDescription) has \(String(describing: fault))")
    let steers = text.unicodeScalars.contains(where: \.isSteering)
    require((text.printable == text) == !steers, "\(text.debugDescription) is shown as \(text.printable)")
    require(!text.printable.unicodeScalars.contains(where: \.isSteering), "\(text.debugDescription) steers terminals")
    let line = text.printableLine
    require(!line.unicodeScalars.contains { $0.isSteering && $0 != "\t" }, "\(text.debugDescription) steers terminals")
    require(line.replacing("\t", with: "\\u{9}") == text.printable, "The two forms differ in more than tabs")
}

private func fault(of text: String, limit: Int) -> TextFault? {
    do throws(TextFault) {
        try text.checkText(limit: limit)
        return nil
    } catch {
        return error
    }
}

private func expectedFault(of text: String, limit: Int) -> TextFault? {
    if text.unicodeScalars.isEmpty { return .empty }
    if text.utf8.count > limit { return .tooLong(limit: limit) }
    let hasControl = text.unicodeScalars.contains {
        $0.properties.generalCategory == .control && $0 != "\t" && $0 != "\n"
    }
    return hasControl ? .controlCharacter : nil
}

extension Unicode.Scalar {
    /// By the properties of Unicode, which has one for all but the bidirectional controls.
    fileprivate var isSteering: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        case .format: Self.bidirectional.contains(self)
        default: false
        }
    }

    private static let bidirectional: Set<Unicode.Scalar> = [
        "\u{61C}", "\u{200E}", "\u{200F}", "\u{202A}", "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}", "\u{2066}",
        "\u{2067}", "\u{2068}", "\u{2069}",
    ]
}
