import Foundation
import FuzzTargets
import Testing

/// What a fuzzer found worth keeping, read by the readers as they are: here with their checksums.
@Suite struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fuzz/Corpus")

    @Test(arguments: FuzzTarget.allCases) func everyInputIsReadOrRefused(_ target: FuzzTarget) throws {
        let folder = Self.corpus.appending(path: target.rawValue)
        let inputs = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(inputs.count > 10)
        for input in inputs {
            do { try target.run([UInt8](try Data(contentsOf: input))) } catch {
                Issue.record("\(input.lastPathComponent): \(error)")
            }
        }
    }

    @Test(arguments: FuzzTarget.allCases) func whatItsWriterWroteIsRead(_ target: FuzzTarget) async throws {
        for input in try await FuzzSeeds.inputs(for: target) { try target.run(input) }
    }
}
