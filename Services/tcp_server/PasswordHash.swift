// SPDX-License-Identifier: Apache-2.0

import CCrypt
import Foundation

/// Passwords and crypt(3) hashes: the one place that calls libcrypt.
///
/// Each call is as slow as the hash's author meant it to be, and takes memory besides (16 MiB for the preferred
/// method): never on an event loop.
enum PasswordHash {
    /// The methods whose hashes can let somebody in.
    ///
    /// The library knows others, all of them too cheap to guess.
    ///
    /// The strongest first.
    static let acceptedPrefixes = ["$gy$", "$y$", "$7$", "$2b$", "$2y$", "$2a$", "$6$", "$5$"]

    /// The longest password in bytes; libcrypt takes no longer one.
    static let longestPassword = Int(CRYPT_MAX_PASSPHRASE_SIZE) - 1

    /// Whether `hash` was made by a method that is accepted.
    ///
    /// Says nothing about whether it is whole.
    static func isAccepted(_ hash: String) -> Bool {
        acceptedPrefixes.contains { hash.hasPrefix($0) }
    }

    /// Whether new hashes are made by a stronger method than `hash`.
    static func isOutdated(_ hash: String) -> Bool {
        guard let method = strength(of: hash), let preferred = crypt_preferred_method() else { return false }
        switch crypt_checksalt(hash) {
        case CRYPT_SALT_METHOD_LEGACY, CRYPT_SALT_TOO_CHEAP: return true
        default: return strength(of: String(cString: preferred)).map { method > $0 } ?? false
        }
    }

    /// Greater for the weaker.
    private static func strength(of hash: String) -> Int? {
        acceptedPrefixes.firstIndex { hash.hasPrefix($0) }
    }

    /// Whether `hash` is that of `password`.
    ///
    /// False for a hash that is no hash. False for a password that can't be one, too, but no sooner than for one that is
    /// wrong.
    static func matches(_ password: String, _ hash: String) -> Bool {
        let isPossible = isUsable(password)
        guard isAccepted(hash), let result = crypt(isPossible ? password : "-", setting: hash) else { return false }
        return isEqualInConstantTime(Array(result.utf8), Array(hash.utf8)) && isPossible
    }

    /// A new hash by libcrypt's preferred method; nil for a password that can't be one, or if libcrypt has none.
    static func make(_ password: String) -> String? {
        guard isUsable(password) else { return nil }
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        // Without a prefix the preferred method, without bytes a salt from the system's generator.
        guard crypt_gensalt_rn(nil, 0, nil, 0, &setting, Int32(setting.count)) != nil else { return nil }
        return crypt(password, setting: String(nullTerminated: setting))
    }

    static func isUsable(_ password: String) -> Bool {
        !password.isEmpty && password.utf8.count <= longestPassword && !password.utf8.contains(0)
    }

    /// libcrypt's answer, or nil where it refuses: then it gives a text that begins with `*`.
    private static func crypt(_ password: String, setting: String) -> String? {
        // 32 KiB, which libcrypt wants zeroed; freed here on every way out.
        guard let memory = calloc(1, MemoryLayout<crypt_data>.size) else { return nil }
        defer {
            explicit_bzero(memory, MemoryLayout<crypt_data>.size)
            free(memory)
        }
        let scratch = memory.assumingMemoryBound(to: crypt_data.self)
        guard let output = crypt_r(password, setting, scratch) else { return nil }
        let result = String(cString: output)
        return result.hasPrefix("*") ? nil : result
    }

    private static func isEqualInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension String {
    fileprivate init(nullTerminated characters: [CChar]) {
        self.init(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
