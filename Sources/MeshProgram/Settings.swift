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
/// the file, which is YAML (or JSON, which YAML contains). One with points in its name is nested there:
/// `explorer.period` is `period:` under `explorer:`, and `DEVICE_EXPLORER_PERIOD`.
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
        let key = Self.key(name)
        if let text = environment.string(forKey: key), !text.isEmpty { return parsed(text, from: variable(name)) }
        if let file, let text = file.reader.anyString(forKey: key) {
            return parsed(text, from: "\(name) in \(file.path)")
        }
        return nil
    }

    /// The values of a setting that may have several: given as that many flags, else all in one text with commas between
    /// them, or as a list in the file.
    package mutating func values<Value: ExpressibleByArgument>(_ name: String, flags: [Value]) -> [Value] {
        if !flags.isEmpty { return flags }
        let key = Self.key(name)
        if let text = environment.string(forKey: key), !text.isEmpty {
            return Self.items(of: text).compactMap { parsed($0, from: variable(name)) }
        }
        guard let file else { return [] }
        let texts = file.reader.stringArray(forKey: key) ?? file.reader.anyString(forKey: key).map(Self.items) ?? []
        return texts.compactMap { parsed($0, from: "\(name) in \(file.path)") }
    }

    private static func key(_ name: String) -> ConfigKey { ConfigKey(name.split(separator: ".").map(String.init)) }

    private static func items(of text: String) -> [String] {
        text.split { $0 == "," || $0 == " " }.map(String.init)
    }

    private func variable(_ name: String) -> String {
        let words = name.uppercased().replacing("-", with: "_").replacing(".", with: "_")
        return "the environment variable \(environmentPrefix)_\(words)"
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
