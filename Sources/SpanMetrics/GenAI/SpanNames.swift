/// What the names that a span has say, by their numbers in a ``TextTable``: of a system's spans there are many, and of
/// these few.
struct SpanNames: Hashable, Sendable {
    /// A hash of the library that made the span, by its scope and vocabulary: what one library shows side by side are
    /// different calls.
    var origin: UInt64 = 0
    var role = GenAISpan.Role.step
    var tier = PricedTier.unsaid
    /// The scope's library leaves cached tokens out of the input.
    var isInputExclusive = false

    var service = TextNumber.none
    /// As the conventions name it: `chat`, `embeddings`, `invoke_agent`, ...
    var operation = TextNumber.none
    var provider = TextNumber.none
    var requestModel = TextNumber.none
    var responseModel = TextNumber.none
    var agent = TextNumber.none
    var tool = TextNumber.none
    /// Stands for the agent where nothing has its name.
    var agentID = TextNumber.none
    /// Also of spans that did not fail.
    var errorType = TextNumber.none
    var finishReasons = ListNumber.none

    /// What provider and models are compared by.
    private(set) var family = TextNumber.none
    private(set) var bareRequestModel = TextNumber.none
    private(set) var bareResponseModel = TextNumber.none

    /// The model that answered, or the one that was asked for.
    var model: TextNumber { responseModel.isEmpty ? requestModel : responseModel }

    /// To be called when provider and models are set.
    mutating func identify(_ texts: inout TextTable) {
        family = texts.family(provider)
        bareRequestModel = texts.bareName(requestModel)
        bareResponseModel = texts.bareName(responseModel)
    }
}

/// Names of a ``TextTable``. Equal numbers of one table are equal names.
struct NamesNumber: Hashable, Sendable {
    var index: UInt32

    /// No names at all.
    static let none = NamesNumber(index: 0)
}

/// What of a span's names has to be known to read the rest of it.
struct SpanKind: Sendable {
    var names = NamesNumber.none
    var role = GenAISpan.Role.step
    var isInputExclusive = false
}

/// Names, each once.
struct NameTable: Sendable {
    private(set) var all: [SpanNames] = []
    private var numbers: [SpanNames: UInt32] = [:]
    /// What was found for the last spans, by a hash of all that their names were read from.
    private var recent = HashPlaces(count: Self.recentMax)
    private var recentKinds = [SpanKind](repeating: SpanKind(), count: Self.recentMax)

    /// A power of two, the names of one system; 16 KB.
    private static let recentMax = 1_024

    init() { _ = number(of: SpanNames()) }

    mutating func number(of names: SpanNames) -> NamesNumber {
        if let known = numbers[names] { return NamesNumber(index: known) }
        let number = UInt32(all.count)
        numbers[names] = number
        all.append(names)
        return NamesNumber(index: number)
    }

    /// The number of what has a hash, as ``HashPlaces`` has it; nil when it is not known, or was forgotten.
    @inline(__always)
    func recentKind(_ hash: UInt64) -> SpanKind? {
        recent.place(of: hash).map { recentKinds[$0] }
    }

    /// Remembers the number of what has a hash and was not known.
    mutating func setRecent(_ hash: UInt64, _ kind: SpanKind) {
        recentKinds[recent.insert(hash)] = kind
    }
}
