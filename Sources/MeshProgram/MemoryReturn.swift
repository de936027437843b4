// SPDX-License-Identifier: Apache-2.0

import CMemory
import Foundation
import ServiceLifecycle

/// Gives memory back to the operating system, now and then, that the program has and does not use.
///
/// Where things come and go for hours, freed memory lies about in ever more pages. And the kernel maps a program in
/// pieces of 64 KiB: whatever was needed once, at the start or while a connection was made, stays beside what is needed
/// all the time. What is given back and needed again costs some milliseconds of the processor.
package struct MemoryReturn: Service {
    package enum Extent: Sendable {
        case heap
        /// And the program's text, unless a debugger has put its breakpoints there.
        case heapAndProgram
    }

    private let extent: Extent
    private let period: Duration

    package init(of extent: Extent, every period: Duration = .seconds(20)) {
        (self.extent, self.period) = (extent, period)
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: period)) != nil { giveBack() }
        }
    }

    func giveBack() {
        memory_give_back_heap()
        switch extent {
        case .heap: break
        case .heapAndProgram: if !isTraced { memory_give_back_program() }
        }
    }

    private var isTraced: Bool {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        return status?.contains("TracerPid:\t0\n") == false
    }
}
