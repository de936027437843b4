// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore

/// What a device says of itself, and the key that it comes in by.
struct Newcomer: Equatable, Sendable {
    let registration: Registration
    let enrollmentKey: String?

    /// Reads it from the body, or from the query of the earlier form.
    init(_ route: Route, body: ByteBuffer, type: String?) throws(RequestFault) {
        if case .registerID(let id) = route {
            (registration, enrollmentKey) = (Registration(id: id), nil)
            return
        }
        try type.checkIsJSON()
        let json: JSON
        do { json = try JSON(parsing: body.readableBytesView) } catch { throw .registration(.notJSON(error)) }
        guard case .object(let members) = json else { throw .registration(.notAnObject) }
        let key = members["enrollment_key"] ?? .null
        guard key == .null || key.string != nil else { throw .enrollmentKey }
        enrollmentKey = key.string
        do { registration = try Registration(json) } catch { throw .registration(error) }
    }
}

extension String? {
    /// Fails where a content type is given and is another one than JSON.
    func checkIsJSON() throws(RequestFault) {
        guard let type = self?.prefix(while: { $0 != ";" && $0 != " " }).lowercased() else { return }
        guard type == "application/json" || type.hasSuffix("+json") else { throw .mediaType }
    }
}
