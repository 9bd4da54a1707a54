import Dispatch
import FuzzTargets
import Glibc
import LibFuzzer

// libFuzzer calls these two by name: https://llvm.org/docs/LibFuzzer.html

/// Before the first input.
@_cdecl("LLVMFuzzerInitialize")
public func initializeFuzzer(_ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?) -> Int32 {
    if let folder = getenv("SKEIN_FUZZ_SEEDS").map({ String(cString: $0) }) {
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            await Fuzzer.writeSeeds(to: folder)
            done.signal()
        }
        done.wait()
        exit(0)
    }
    return 0
}

/// One input; a promise that is not kept ends the process, which libFuzzer reports.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = [UInt8](UnsafeBufferPointer(start: bytes, count: count))
    do throws(FuzzFailure) { try Fuzzer.target.run(input) } catch { fatalError("\(error)") }
    return 0
}
