// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser
import Configuration
import MeshCore
import SystemPackage

/// Where a program's settings come from: a flag, else the environment, else the file given with `--config`, else the
/// default.
///
/// All faults are collected and reported together by ``check()``.
///
/// The setting `login-timeout` of `tcp_server` is `--login-timeout`, `TCP_SERVER_LOGIN_TIMEOUT` and `login-timeout:` in
/// the file, which is YAML (or JSON, which YAML contains).
package struct Settings {
    private let environment: ConfigReader
    private let environmentPrefix: String
    private let file: (reader: ConfigReader, path: String)?
    private var faults: [String] = []

    /// Reads the file, if one is given.
    package init(program: String, configFile: String?) async throws {
        environmentPrefix = program.uppercased()
        environment = ConfigReader(provider: EnvironmentVariablesProvider()).scoped(to: ConfigKey([program]))
        guard let configFile else {
            file = nil
            return
        }
        do {
            let provider = try await FileProvider<YAMLSnapshot>(filePath: FilePath(configFile))
            file = (ConfigReader(provider: provider), configFile)
        } catch {
            throw ProgramFailure(.configuration, "can't use the configuration file \(configFile): \(error)")
        }
    }

    /// The value of a setting.
    package mutating func value<Value: ExpressibleByArgument>(_ name: String, flag: Value?, default: Value) -> Value {
        value(name, flag: flag) ?? `default`
    }

    /// The value of a setting that has no default.
    package mutating func value<Value: ExpressibleByArgument>(_ name: String, flag: Value?) -> Value? {
        if let flag { return flag }
        let key = ConfigKey([name])
        if let text = environment.string(forKey: key), !text.isEmpty {
            let variable = "\(environmentPrefix)_\(name.uppercased().replacing("-", with: "_"))"
            return parsed(text, from: "the environment variable \(variable)")
        }
        if let file, let text = file.reader.anyString(forKey: key) {
            return parsed(text, from: "\(name) in \(file.path)")
        }
        return nil
    }

    /// Adds a fault that only shows when settings are seen together.
    package mutating func fault(_ description: String) {
        faults.append(description)
    }

    /// Fails if anything was wrong with the values that were read.
    package func check() throws(ProgramFailure) {
        if faults.isEmpty { return }
        throw ProgramFailure(.configuration, faults.joined(separator: "; "))
    }

    private mutating func parsed<Value: ExpressibleByArgument>(_ text: String, from place: String) -> Value? {
        if let value = Value(argument: text) { return value }
        faults.append("\(place) is '\(text.printable)', which is no value for it")
        return nil
    }
}

extension ConfigReader {
    /// A value as it is written, whichever type YAML takes it for.
    fileprivate func anyString(forKey key: ConfigKey) -> String? {
        string(forKey: key) ?? int(forKey: key).map { "\($0)" } ?? bool(forKey: key).map { "\($0)" }
            ?? double(forKey: key).map { "\($0)" }
    }
}
