// SPDX-License-Identifier: Apache-2.0

import Bench
import Foundation

/// `GET /devices` with 100 devices, beside nginx with the same bytes in a file in memory; driven by wrk.
struct ListBenchmark {
    let program: String
    let seconds: Int

    func run() throws -> [Bar] {
        try withFolder { folder in
            let server = try Server(program, folder: folder, options: ["--store", "memory"])
            defer { server.process.stop() }
            try server.fill(100)
            let connection = try Connection(port: server.port)
            let body = try connection.ask(request("GET", "/devices", port: server.port)).body
            let nginx = try Nginx(body: body, folder: folder)
            defer { nginx.process.stop() }
            let tag = try self.tag("http://127.0.0.1:\(server.port)/devices")
            let nginxTag = try self.tag("http://127.0.0.1:\(nginx.port)/devices")
            return try [("", "", ""), (", ETag unchanged", tag, nginxTag)].map { name, tag, nginxTag in
                var ratios: [Double] = []
                var rates: [Double] = []
                for _ in 0..<3 {
                    let theirs = try rate(port: nginx.port, tag: nginxTag)
                    let ours = try rate(port: server.port, tag: tag)
                    ratios.append(ours / theirs)
                    rates.append(ours)
                }
                let ratio = Figures(ratios)
                return Bar(
                    "GET /devices, \(body.count) bytes\(name)",
                    "≥ 0.5",
                    seen: "\(ratio.text(threeDigits)) of nginx, \(threeDigits(Figures(rates).median))/s",
                    isMet: ratio.median >= 0.5
                )
            }
        }
    }

    private func rate(port: UInt16, tag: String) throws -> Double {
        var words = ["wrk", "-t1", "-c32", "-d\(seconds)s", "-H", "Accept: application/json"]
        if !tag.isEmpty { words += ["-H", "If-None-Match: \(tag)"] }
        let output = try outputOf(words + ["http://127.0.0.1:\(port)/devices"])
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("Requests/sec:") }),
            let rate = Double(line.split(separator: " ").last ?? "")
        else { throw Failure("wrk said: \(output)") }
        return rate
    }

    private func tag(_ address: String) throws -> String {
        let head = try outputOf(["curl", "-s", "-o", "/dev/null", "-D", "-", address])
        let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("etag: ") }
        guard let line else { throw Failure("\(address) has no ETag") }
        return String(line.dropFirst(6))
    }
}

/// nginx with one file, kept in memory.
private final class Nginx {
    let process: ServerProcess
    let port: UInt16

    init(body: some Collection<UInt8>, folder: URL) throws {
        port = try freePort()
        let root = URL(filePath: "/dev/shm/\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        try Data(body).write(to: root.appending(path: "devices"))
        try """
        daemon off; worker_processes auto; pid \(folder.path())/nginx.pid; error_log stderr;
        events { worker_connections 1024; }
        http {
            access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; default_type application/json;
            open_file_cache max=10; open_file_cache_valid 1h;
            server { listen 127.0.0.1:\(port); root \(root.path()); }
        }
        """.write(to: folder.appending(path: "nginx.conf"), atomically: true, encoding: .utf8)
        let own = folder.appending(path: "nginx")
        try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
        process = try ServerProcess(
            ["/usr/sbin/nginx", "-c", folder.appending(path: "nginx.conf").path()],
            folder: own
        )
        let isUp = eventually(within: 10) { (try? Connection(port: port)) != nil }
        guard isUp else { throw Failure("nginx doesn't serve: \(process.lastWords)") }
    }
}

/// What a command writes.
func outputOf(_ words: [String]) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = words
    process.standardOutput = pipe
    try process.run()
    let data = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}
