// SPDX-License-Identifier: Apache-2.0

import Logging
import MeshCore
import Metrics
import NIOCore
import SwiftProtobuf

// What rooms have for the client, as far as its channel takes it: a client is a cursor in each room's log.

extension RelayConnection {
    /// Writes what a room has for the client, as far as the channel takes it.
    func pump(_ reader: RoomReader) {
        // A flush that empties the channel says so at once, and ends up here again.
        if isPumping {
            isToBePumpedAgain = true
            return
        }
        guard let context else { return }
        isPumping = true
        writeNews(for: reader, context)
        isPumping = false
        if isToBePumpedAgain { pumpAll() } else { flush() }
    }

    /// Writes what all rooms have for the client.
    func pumpAll() {
        if isPumping {
            isToBePumpedAgain = true
            return
        }
        guard let context else { return }
        isPumping = true
        repeat {
            isToBePumpedAgain = false
            for reader in readers { pumpOne(reader, context) }
        } while isToBePumpedAgain
        isPumping = false
        flush()
        finishIfWritten()
    }

    private func pumpOne(_ reader: RoomReader, _ context: ChannelHandlerContext) {
        if reader.missedPresence, isWritable {
            reader.missedPresence = false
            send(reader.room.presence.people(in: reader.room.name))
        }
        writeNews(for: reader, context)
    }

    private func writeNews(for reader: RoomReader, _ context: ChannelHandlerContext) {
        let before = reader.cursor.given
        defer { countDeliveries(to: reader, since: before) }
        while isWritable, !reader.isReading,
            let delivery = reader.room.log.read(&reader.cursor, in: dialect, limit: readerChunk)
        {
            switch delivery {
            case .gap(let first, let last): tellGap(reader.room, first, last)
            case .messages(let slices): write(slices, context)
            case .stored: readStored(reader)
            }
        }
    }

    func write(_ slices: [ByteBuffer], _ context: ChannelHandlerContext) {
        writeOutbound(context)
        var bytes = 0
        for slice in slices {
            bytes += slice.readableBytes
            context.write(wrapOutboundOut(slice), promise: nil)
        }
        Traffic.sentBytes.increment(by: bytes)
        context.flush()
    }

    private func countDeliveries(to reader: RoomReader, since before: UInt64) {
        Traffic.deliveries.increment(by: reader.cursor.given - before)
    }

    private func tellGap(_ room: Room, _ first: UInt64, _ last: UInt64) {
        count(.gap)
        send(.gap(.with { ($0.room, $0.first, $0.last) = (room.name.description, first, last) }))
    }

    /// Reads what comes next from the store: one chunk, however far behind the reader is.
    private func readStored(_ reader: RoomReader) {
        reader.isReading = true
        let rooms = surroundings.rooms
        reader.room.readStored(from: reader.cursor.next, store: rooms.store, on: rooms.loop) { result in
            reader.isReading = false
            // It may have left meanwhile.
            guard reader.connection === self, let context = self.context else { return }
            self.deliver(result, to: reader, context)
            self.pumpAll()
        }
    }

    private func deliver(
        _ result: Result<[MessageBatch], StoreFault>,
        to reader: RoomReader,
        _ context: ChannelHandlerContext
    ) {
        let before = reader.cursor.given
        defer { countDeliveries(to: reader, since: before) }
        var slices: [ByteBuffer] = []
        var batches: [MessageBatch] = []
        switch result {
        case .success(let found): batches = found
        case .failure(let fault): logger.error("messages can't be read", metadata: ["fault": "\(fault)"])
        }
        for var batch in batches where batch.last >= reader.cursor.next {
            passOver(until: batch.first, reader)
            batch.encode(in: dialect)
            _ = batch.read(&reader.cursor, in: dialect, limit: .max, into: &slices)
            write(slices, context)
            slices = []
        }
        // What is neither in memory nor in the store is lost, and said to be.
        if batches.isEmpty { passOver(until: reader.room.log.firstInMemory, reader) }
    }

    private func passOver(until sequence: UInt64, _ reader: RoomReader) {
        guard reader.cursor.next < sequence else { return }
        tellGap(reader.room, reader.cursor.next, sequence - 1)
        reader.cursor.skip(to: sequence)
    }
}
