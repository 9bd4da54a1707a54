import Skein
import SkeinAgents
import Tracing

// What the snippets of the documentation call and do not show.

struct Answer {
    var id = "", model = "", text = "", stopReason = "stop"
    var inputTokens = 0, outputTokens = 0
}

struct Client: Sendable {
    func complete(_ prompt: String) async throws -> Answer { Answer(text: prompt) }
    func post(_ prompt: String, to model: String) async throws -> [UInt8] { Array("\(model): \(prompt)".utf8) }
    func stream(_ prompt: String) async throws -> AsyncStream<[UInt8]> { AsyncStream { $0.finish() } }
    func send(_ method: String, params: String) async throws -> String { method + params }
}

struct Bucket: Sendable {
    func upload(_ bytes: [UInt8]) -> Bool { !bytes.isEmpty }
}

struct HTTPStatusError: Error {
    let status: Int
}

let client = Client()
let models = Client()
let connection = Client()
let bucket = Bucket()
let prompt = "", question = "", userID = "u-17", params = "{}", requestID = "7"
let request = ModelRequest(model: "gpt-5", provider: GenAI.Provider.openAI)

func search(_ question: String) async throws -> String { question }
func complete(_ question: String, _ papers: String) async throws -> Answer { Answer(text: question + papers) }
func summarize(_ papers: String) async throws -> String { papers }
func answer(_ question: String, isWarm: Bool) async throws -> String { isWarm ? question : "" }
func forecast(_ params: String) async throws -> String { params }
func plan() async throws {}
func write() async throws {}
func handle() async throws {}
func show(_ chunk: [UInt8]) {}
