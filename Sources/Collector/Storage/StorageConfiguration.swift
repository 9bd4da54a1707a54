/// `storage`: the data directory, the journal and what the embedded store keeps.
package struct StorageConfiguration: Sendable, Equatable {
    package enum Durability: String, Sendable, CaseIterable {
        /// Acknowledged after the write, synced at most 100 ms later: survives the death of the process.
        case interval
        /// Acknowledged after the sync: survives the loss of power.
        case fsync
        /// Acknowledged after the write, synced when the system likes.
        case os
    }

    /// Everything the collector writes lies under it.
    package var directory = "./skein-data"
    package var durability = Durability.interval
    /// `journal.max_bytes`: bytes of journal on disk at which requests are refused, because a reader that must not
    /// skip is that far behind. 1 GiB holds about two million spans of agents.
    package var journalBytesMax = 1 << 30
    /// `retention.max_age`: blocks whose spans all came in longer ago are deleted.
    package var retentionAgeMax = Duration.seconds(7 * 86_400)
    /// `retention.max_bytes`: the oldest blocks are deleted beyond it. 20 GiB holds about 500 million spans.
    package var retentionBytesMax = 20 << 30
    /// `block.max_spans`, `block.max_age`: when recent spans are sealed into a block.
    package var blockSpansMax = 65_536
    package var blockAgeMax = Duration.seconds(600)
    /// `query_cores`: cores that one query may use; 0 for all of the machine.
    package var queryCores = 0

    package init() {}

    package init(_ section: ConfigurationSection) {
        directory = section.string("directory", default: directory)
        if directory.isEmpty { section.fail("directory", "is empty, expected a path") }
        durability = section.choice(
            "durability", default: durability, Durability.allCases.map { ($0.rawValue, $0) })
        let journal = section.section("journal")
        journalBytesMax = journal.integer("max_bytes", default: journalBytesMax, in: (16 << 20)...Int.max)
        journal.end()
        let retention = section.section("retention")
        retentionAgeMax = retention.duration(
            "max_age", default: retentionAgeMax, in: .seconds(60) ... .seconds(86_400 * 3650))
        retentionBytesMax = retention.integer("max_bytes", default: retentionBytesMax, in: (64 << 20)...Int.max)
        retention.end()
        let block = section.section("block")
        blockSpansMax = block.integer("max_spans", default: blockSpansMax, in: 1...65_536)
        blockAgeMax = block.duration("max_age", default: blockAgeMax, in: .milliseconds(100) ... .seconds(3600))
        block.end()
        queryCores = section.integer("query_cores", default: queryCores, in: 0...1_024)
        section.end()
    }
}
