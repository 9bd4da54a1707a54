import ArgumentParser
import EmbeddedStore
import OTLP

/// Checks every byte that a store keeps.
struct StoreVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every checksum and decode every span; exit status 1 when something is wrong.")

    @OptionGroup var store: StoredDataOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let inspection = try store.open()
        let progress = StoreProgress(blocks: inspection.blocks.count)
        var sound = 0
        var spans = 0
        var damaged: [(block: String, problems: [String])] = []
        for (index, block) in inspection.blocks.enumerated() {
            progress.show(index)
            guard let problems = inspection.verify(block) else { continue }
            if problems.isEmpty {
                sound += 1
                spans += Int(clamping: block.spans)
            } else {
                damaged.append((block.name, problems))
            }
        }
        progress.end()
        if json {
            Terminal.output(Self.json(sound: sound, spans: spans, damaged) + "\n")
        } else {
            for (block, problems) in damaged {
                for problem in problems { Terminal.output("\(block): \(problem)\n") }
            }
            Terminal.output("\(sound) blocks with \(Quantity.count(spans)) spans are sound, \(damaged.count) damaged\n")
        }
        guard damaged.isEmpty else {
            throw CommandFailure.failed(
                "\(damaged.count) of \(sound + damaged.count) blocks are damaged; a collector puts a block aside in "
                    + "quarantine/ once a query finds it damaged, and serves the others")
        }
    }

    private static func json(sound: Int, spans: Int, _ damaged: [(block: String, problems: [String])]) -> String {
        var json = JSONWriter()
        json.object { json in
            json.int("soundBlocks", sound)
            json.int("soundSpans", spans)
            json.array("damaged") { json in
                for (block, problems) in damaged {
                    json.object { json in
                        json.string("block", block)
                        json.array("problems") { json in for problem in problems { json.string(problem) } }
                    }
                }
            }
        }
        return String(decoding: json.takeBytes(), as: UTF8.self)
    }
}
