import Foundation
import Testing

@Suite struct FakeModelTests {
    /// Status and body of a range of requests.
    private func answers(seed: Int) async throws -> [String] {
        let models = try await DeskProcess("models", ["--seed", "\(seed)"])
        let answers = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for index in 0..<120 {
                group.addTask {
                    let response = try await models.post(
                        "/v1/chat/completions",
                        [
                            "model": index % 2 == 0 ? "gpt-5" : "gpt-5-mini", "seed": index,
                            "messages": [["role": "user", "content": "What is known about swifts?"]],
                        ])
                    return (index, "\(response.status) \(try Self.canonical(response.body))")
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(await models.stop() == 0)
        return answers.sorted { $0.key < $1.key }.map(\.value)
    }

    /// JSON with its keys in order, which encoders leave to chance; other text as it is.
    private static func canonical(_ body: [UInt8]) throws -> String {
        guard body.first == UInt8(ascii: "{") else { return String(decoding: body, as: UTF8.self) }
        let object = try JSONSerialization.jsonObject(with: Data(body))
        return String(decoding: try JSONSerialization.data(withJSONObject: object, options: .sortedKeys), as: UTF8.self)
    }

    @Test func sameSeedMeansSameAnswers() async throws {
        let first = try await answers(seed: 7)
        #expect(try await answers(seed: 7) == first)
    }

    @Test func seedsDifferAndEachFailsSometimes() async throws {
        let first = try await answers(seed: 1)
        let second = try await answers(seed: 2)
        #expect(first != second)
        for answers in [first, second] {
            #expect(Set(answers.map { $0.prefix(3) }) == ["200", "429", "500"])
            #expect(answers.count { $0.hasPrefix("200") } > 90)
        }
    }

    @Test func malformedRequestIsRefused() async throws {
        let models = try await DeskProcess("models")
        #expect(try await models.post("/v1/chat/completions", ["model": 1]).status == 400)
        #expect(await models.stop() == 0)
    }
}
