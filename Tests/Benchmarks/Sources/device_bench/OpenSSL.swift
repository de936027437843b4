// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// openssl's client and server, which carry bytes as fast as they can.
struct OpenSSL {
    let folder: String

    func bytesPerSecond(_ bytes: Int) throws -> Double {
        let port = Int.random(in: 20_000...50_000)
        // A server whose input has ended closes the connection, and a client that may not end with its own stays.
        let script = """
            cd '\(folder)'
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=bench \\
                -keyout key.pem -out cert.pem 2>/dev/null
            mkfifo input
            sleep 600 >input &
            trap "kill $!" EXIT
            openssl s_server -quiet -naccept 1 -accept 127.0.0.1:\(port) -cert cert.pem -key key.pem -tls1_3 \\
                <input >/dev/null 2>&1 &
            server=$!
            for _ in $(seq 100); do ss -ltn | grep -q ':\(port) ' && break; sleep 0.05; done
            begin=$(date +%s%N)
            head -c \(bytes) /dev/zero |
                openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:\(port) -tls1_3 >/dev/null 2>&1
            [[ ${PIPESTATUS[0]} == 0 ]] || exit
            wait "$server"
            echo $(($(date +%s%N) - begin))
            """
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", script]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let answer = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let time = Double(answer.filter(\.isNumber)), time > 0 else { throw Failure("openssl: \(answer)") }
        return Double(bytes) / (time / 1e9)
    }
}
