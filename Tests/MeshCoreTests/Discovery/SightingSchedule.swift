// SPDX-License-Identifier: Apache-2.0

import MeshCore
import NIOCore
import TestSupport

/// Devices that speak of themselves in virtual time, forgers who speak of them, a network that delays, reorders, loses
/// and repeats what they say, and a table that hears it.
struct SightingSchedule {
    private struct Device {
        let id: DeviceID
        /// Whether it signs what it registers.
        let isSigning: Bool
        var endpoint: Endpoint
        var instance: UInt64
        var isUp = true
        /// What the registry has of it, which may be old.
        var registered: Endpoint?
    }

    private struct Datagram {
        let at: NIODeadline
        let id: DeviceID
        let endpoint: Endpoint
        let source: SightingSource
        let instance: UInt64?
    }

    private static let limit = 5
    private static let addresses = (1...40).compactMap { Endpoint(host: "192.0.2.\($0)", port: 4_000) }
    private static let foreign = (1...20).compactMap { Endpoint(host: "198.51.100.\($0)", port: 4_000) }
    /// What each device registers beside its address.
    private static let second = [Endpoint(host: "2001:db8::1", port: 4_000)].compactMap(\.self)

    /// What was wrong first, and when.
    private(set) var fault: String?
    private var generator: SeededGenerator
    private var table = SightingTable(limit: limit)
    private var model = SightingModel(limit: limit)
    private var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// When the first of what was said is over.
    private var expiry: NIODeadline?
    private var devices: [Device]
    /// Whom only forgers speak of.
    private let strangers: [DeviceID]
    private var underWay: [Datagram] = []
    private var steps = 0

    init(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        devices = try (0..<6).map { number in
            Device(
                id: try DiscoveryKit.device(number),
                isSigning: number % 3 != 2,
                endpoint: Self.addresses[Int.random(in: Self.addresses.indices, using: &generator)],
                instance: generator.next()
            )
        }
        strangers = try (6..<9).map(DiscoveryKit.device)
        self.generator = generator
        // As somebody has written into the configuration.
        if seed % 2 == 0 { see(sighting(of: devices[0].id, at: [devices[0].endpoint], .configuration)) }
    }

    mutating func step() {
        steps += 1
        // Now and then nothing happens for long; and now and then it is the very moment at which something is over.
        let halfSeconds = draw(60) == 0 ? 100...1_400 : 0...10
        now = now + .milliseconds(500 * Int64(Int.random(in: halfSeconds, using: &generator)))
        expire()
        deliver()
        act()
        if steps % 20 == 0 { look(model.fault(in: table, at: now)) }
        expiry = model.firstExpiry
        if let expiry, table.nextExpiry.map({ $0 > expiry }) ?? true { look("knows of no expiry at \(expiry)") }
    }

    private mutating func act() {
        let device = draw(devices.count)
        switch draw(40) {
        case 0..<16: announce(device)
        case 16..<24: forge()
        case 24..<28: meet(device)
        case 28..<30: devices[device].registered = devices[device].isUp ? devices[device].endpoint : nil
        case 30..<32: list()
        case 32: lookUp(device)
        case 33..<36: devices[device].endpoint = Self.addresses[draw(Self.addresses.count)]
        case 36..<38: devices[device].instance = generator.next()
        case 38: devices[device].isUp.toggle()
        default: break
        }
    }

    private mutating func draw(_ count: Int) -> Int { Int.random(in: 0..<count, using: &generator) }
}

// What is said.
extension SightingSchedule {
    private mutating func announce(_ number: Int) {
        let device = devices[number]
        guard device.isUp else { return }
        send(device.id, device.endpoint, device.instance)
    }

    private mutating func forge() {
        let victim = draw(devices.count + strangers.count)
        let id = victim < devices.count ? devices[victim].id : strangers[victim - devices.count]
        send(id, Self.foreign[draw(Self.foreign.count)], UInt64(draw(3)))
    }

    /// Lost, late, or twice.
    private mutating func send(_ id: DeviceID, _ endpoint: Endpoint, _ instance: UInt64) {
        let source = [SightingSource.multicast, .broadcast, .scan][draw(3)]
        let copies = [0, 0, 1, 1, 1, 1, 1, 1, 1, 2][draw(10)]
        for _ in 0..<copies {
            let delay = draw(5) == 0 ? 1_000...30_000 : 1...100
            underWay.append(
                Datagram(
                    at: now + .milliseconds(Int64(Int.random(in: delay, using: &generator))),
                    id: id,
                    endpoint: endpoint,
                    source: source,
                    instance: source == .multicast ? instance : nil
                )
            )
        }
    }

    private mutating func deliver() {
        var (due, later): ([Datagram], [Datagram]) = ([], [])
        for datagram in underWay {
            if datagram.at <= now { due.append(datagram) } else { later.append(datagram) }
        }
        underWay = later
        for datagram in due.sorted(by: { $0.at < $1.at }) {
            var sighting = sighting(of: datagram.id, at: [datagram.endpoint], datagram.source)
            sighting.instance = datagram.instance
            see(sighting)
        }
    }

    /// A session proves where a device is.
    private mutating func meet(_ number: Int) {
        let device = devices[number]
        guard device.isUp else { return }
        var sighting = sighting(of: device.id, at: [device.endpoint], .session)
        (sighting.instance, sighting.isProven) = (device.instance, true)
        see(sighting)
    }

    private mutating func list() {
        let records = devices.shuffled(using: &generator).compactMap { record(of: $0) }
        model.listed(records, by: .signaling)
        table.listed(records, by: .signaling, at: now)
        look(at: devices.map(\.id))
    }

    private mutating func lookUp(_ number: Int) {
        if let record = record(of: devices[number]) { see(record) }
    }

    private func record(of device: Device) -> Sighting? {
        guard let registered = device.registered else { return nil }
        var sighting = sighting(of: device.id, at: [registered] + Self.second, .signaling)
        (sighting.isProven, sighting.mayBeDialed) = (device.isSigning, device.isSigning)
        return sighting
    }

    private func sighting(of id: DeviceID, at endpoints: [Endpoint], _ source: SightingSource) -> Sighting {
        let until: NIODeadline =
            switch source {
            case .configuration, .signaling: .distantFuture
            case .session: now + .minutes(10)
            case .multicast, .broadcast: now + .seconds(90)
            case .scan: now + .minutes(3)
            }
        return Sighting(id: id, endpoints: endpoints, source: source, until: until)
    }
}

// What the table makes of it.
extension SightingSchedule {
    private mutating func see(_ sighting: Sighting) {
        let answers = model.seen(sighting)
        let answer = table.seen(sighting, at: now)
        if !answers.contains(answer) { look("answers \(answer), not \(answers), to \(sighting)") }
        look(at: [sighting.id])
    }

    /// As its owner does, before anything else happens.
    private mutating func expire() {
        let changed = expiry.map { $0 <= now } ?? false ? model.expire(at: now) : []
        guard let due = table.nextExpiry, due <= now else {
            if !changed.isEmpty { look("does not know that something of \(changed) is over") }
            return
        }
        let isChanged = table.expire(at: now)
        if isChanged == changed.isEmpty { look("was changed: \(isChanged), with what is over of \(changed)") }
        look(at: changed)
    }

    private mutating func look(at ids: [DeviceID]) {
        for id in ids { look(model.fault(in: table.places(of: id), of: id, at: now)) }
    }

    private mutating func look(_ found: String?) {
        if fault == nil, let found { fault = "step \(steps): the table \(found)" }
    }
}
