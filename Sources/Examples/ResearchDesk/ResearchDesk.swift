import ArgumentParser

/// A desk of agents that answers research questions: two services that are traced with Skein, and a stand-in for the
/// provider of the language models they ask.
@main
struct ResearchDesk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "research-desk",
        abstract: "A small multi-agent system, traced with Skein.",
        subcommands: [GatewayCommand.self, WorkerCommand.self, ModelsCommand.self, AskCommand.self])
}
