import FuzzTargets
import Glibc

/// Environment variables say what to do, as libFuzzer takes the command line for itself: `SKEIN_FUZZ_TARGET` is the
/// reader to fuzz; with `SKEIN_FUZZ_SEEDS`, a folder, inputs to begin with are written there instead.
enum Fuzzer {
    static let target: FuzzTarget = {
        let name = getenv("SKEIN_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let targets = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
            fatalError("SKEIN_FUZZ_TARGET is '\(name)', expected one of \(targets)")
        }
        return target
    }()

    static func writeSeeds(to folder: String) async {
        do {
            for (index, bytes) in try await FuzzSeeds.inputs(for: target).enumerated() {
                let path = "\(folder)/seed-\(index)"
                guard let file = fopen(path, "wb"), fwrite(bytes, 1, bytes.count, file) == bytes.count,
                    fclose(file) == 0
                else { fatalError("cannot write \(path): \(String(cString: strerror(errno)))") }
            }
        } catch { fatalError("\(error)") }
    }
}
