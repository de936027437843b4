// SPDX-License-Identifier: Apache-2.0

import Bench
import Glibc

/// Someone who tries wrong passwords, each on a connection of its own, as fast as told.
enum Guesser {
    struct Outcome {
        var tried = 0
        /// Refused, in any way.
        var answered = 0
    }

    static func start(port: UInt16, perSecond: Int) -> Background<Outcome> {
        Background { shared in try guess(port, perSecond) { shared.goesOn } }
    }

    private static func guess(_ port: UInt16, _ perSecond: Int, while goesOn: () -> Bool) throws -> Outcome {
        var outcome = Outcome()
        let poller = Poller()
        var waiting: Set<Int32> = []
        defer { for socket in waiting { close(socket) } }
        let start = monotonicNanoseconds()
        while goesOn() {
            let due = start + outcome.tried * 1_000_000_000 / perSecond
            for event in 0..<poller.wait(nanoseconds: due - monotonicNanoseconds()) {
                let socket = Int32(poller.tag(event))
                outcome.answered += 1
                poller.remove(socket)
                waiting.remove(socket)
                close(socket)
            }
            guard monotonicNanoseconds() >= due else { continue }
            let socket = try Socket.connect(port: port, number: outcome.tried)
            let account = Setup.guessedAccount(outcome.tried % Setup.guessedAccounts)
            try Socket.send(Mesh.hello(account: account, password: "wrong"), to: socket)
            Socket.setNonBlocking(socket)
            poller.add(socket, tag: Int(socket))
            waiting.insert(socket)
            outcome.tried += 1
        }
        return outcome
    }
}
