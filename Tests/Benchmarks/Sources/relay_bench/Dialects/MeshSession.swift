// SPDX-License-Identifier: Apache-2.0

import Bench

extension Mesh {
    /// What a client keeps of its session, to come back.
    struct Session {
        /// The login that resumes it.
        let hello: [UInt8]

        /// Of the client with this number, from what its login was answered.
        init(number: Int, answer: [UInt8]) throws {
            guard let event = Proto.message(in: answer), let welcome = try Proto.fields(of: event).first?.bytes else {
                throw Failure("no welcome for client \(number)")
            }
            let fields = try Proto.fields(of: welcome)
            guard let session = fields.first(where: { $0.number == 2 })?.bytes,
                let ticket = fields.first(where: { $0.number == 6 })?.bytes
            else { throw Failure("no ticket for client \(number)") }
            // The heads of the welcome are the positions of the login.
            let positions = fields.filter { $0.number == 3 }.flatMap { Proto.field(4, $0.bytes) }
            let login = Proto.field(1, Mesh.account(number)) + Proto.field(3, session) + positions
            hello = preamble + Proto.frame(Proto.field(1, login + Proto.field(5, ticket)))
        }
    }
}
