import Skein
import SkeinAgents

let telemetry = try SkeinTracing.bootstrap(serviceName: "consumer") { $0.exporters = [] }
let answer = await withAgent("planner", provider: GenAI.Provider.anthropic) { agent in
    let answer = await withModelCall(ModelRequest(model: "m", provider: GenAI.Provider.anthropic)) { call in
        call.recordResponse(usage: TokenUsage(inputTokens: 3, outputTokens: 4))
        return 42
    }
    agent.span.attributes["answer"] = answer
    return answer
}
await telemetry.shutdown()
print("answer \(answer), spans \(telemetry.statistics.ended)")
