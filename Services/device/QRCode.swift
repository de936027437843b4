// SPDX-License-Identifier: Apache-2.0

import CQREncode
import MeshProgram

/// A text as a QR code (ISO/IEC 18004), drawn by libqrencode.
struct QRCode {
    private let width: Int
    /// Row by row; true is dark.
    private let modules: [Bool]

    init(_ text: String) throws(ProgramFailure) {
        guard let code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1), let data = code.pointee.data else {
            throw ProgramFailure(.ourFault, "'\(text)' can't be made a QR code")
        }
        defer { QRcode_free(code) }
        width = Int(code.pointee.width)
        // The lowest bit says whether a module is dark.
        modules = UnsafeBufferPointer(start: data, count: width * width).map { $0 & 1 == 1 }
    }

    /// Lines for a terminal, two rows of modules in each, with the margin that readers need.
    ///
    /// Light modules are drawn: on a dark terminal, which most are, the code is as printed on paper.
    var text: String {
        let rows = Array(stride(from: -Self.margin, to: width + Self.margin, by: 2))
        return rows.map { row in
            (-Self.margin..<width + Self.margin).map { column in
                switch (isDark(row, column), isDark(row + 1, column)) {
                case (false, false): "█"
                case (false, true): "▀"
                case (true, false): "▄"
                case (true, true): " "
                }
            }.joined()
        }.joined(separator: "\n")
    }

    private static let margin = 2

    private func isDark(_ row: Int, _ column: Int) -> Bool {
        guard (0..<width).contains(row), (0..<width).contains(column) else { return false }
        return modules[row * width + column]
    }
}
