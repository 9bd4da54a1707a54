import EmbeddedStore
import Testing
import TraceStorage
import TraceStorageConformance

/// Where the spans of a store under test are.
enum StoreMode: CaseIterable {
    case inMemory, live, sealed, halfSealed, manyBlocks, reopened

    func suite() -> ConformanceSuite {
        ConformanceSuite { batches in
            if self == .inMemory {
                let store = InMemoryStore()
                for batch in batches { try store.append(batch) }
                return store
            }
            let directory = TemporaryDirectory()
            var store = try EmbeddedStore(directory: directory.path)
            for (index, batch) in batches.enumerated() {
                try store.append(batch)
                let isHalf = index == batches.count / 2
                if self == .manyBlocks || (self == .halfSealed && isHalf) { try store.flush() }
                if self == .reopened, isHalf {
                    try store.flush()
                    store = try EmbeddedStore(directory: directory.path)
                }
            }
            if self == .sealed { try store.flush() }
            return DirectoryHolder(store, directory)
        }
    }
}

@Suite struct ConformanceTests {
    @Test(arguments: StoreMode.allCases, [1, 2, 3, 20_261_121] as [UInt64])
    func tracesComeBackExactly(_ mode: StoreMode, seed: UInt64) throws {
        try mode.suite().tracesComeBackExactly(seed: seed)
    }

    @Test(arguments: StoreMode.allCases, [1, 2, 3] as [UInt64])
    func partsOfTracesAreThoseOfTheWhole(_ mode: StoreMode, seed: UInt64) throws {
        try mode.suite().partsOfTracesAreThoseOfTheWhole(seed: seed)
    }

    @Test(arguments: StoreMode.allCases, [4, 5] as [UInt64])
    func scansAgreeWithTheModel(_ mode: StoreMode, seed: UInt64) throws {
        try mode.suite().scansAgreeWithTheModel(seed: seed)
    }

    @Test(arguments: StoreMode.allCases) func conditionsMeanWhatTheySay(_ mode: StoreMode) throws {
        try mode.suite().conditionsMeanWhatTheySay()
    }

    @Test(arguments: StoreMode.allCases) func equalSpansCountOnce(_ mode: StoreMode) throws {
        try mode.suite().equalSpansCountOnce()
    }

    @Test(arguments: StoreMode.allCases) func tenantsAreApart(_ mode: StoreMode) throws {
        try mode.suite().tenantsAreApart()
    }

    @Test(arguments: StoreMode.allCases) func queriesEndWhenTheyShould(_ mode: StoreMode) throws {
        try mode.suite().queriesEndWhenTheyShould()
    }
}
