import SemanticConventions

/// An experiment that gives each unit, such as a user or a conversation, one of several variants: always the same for
/// the same unit, in every process.
///
/// ```swift
/// let tone = try Experiment("prompt-tone", variants: [("plain", 90), ("warm", 10)])
/// let variant = tone.variant(for: userID)
/// ```
/// The variant is that of the range in which `hash(name, 0, unit) * weights / 2^64` falls, the ranges standing in the
/// order of the variants; `hash` is FNV-1a of 64 bits with MurmurHash3's finalizer. Two experiments assign
/// independently of each other. Changing weights moves only units between neighbours in the list.
public struct Experiment: Sendable, Equatable {
    /// One way to do it.
    public struct Variant: Sendable, Equatable {
        /// What the spans say.
        public let name: String
        /// Its share, relative to the sum of all.
        public let weight: Int
    }

    /// Bytes of the name of an experiment or a variant.
    public static let nameBytesMax = BaggageStamps.nameBytesMax
    /// Variants of one experiment.
    public static let variantsMax = 64
    /// The weight of one variant.
    public static let weightMax = 1_000_000

    /// The name.
    public let name: String
    /// In the order given.
    public let variants: [Variant]
    private let weightSum: UInt64

    /// An experiment.
    ///
    /// - Parameters:
    ///   - name: letters, digits, `-`, `_` and `.`, as it becomes part of the name of an attribute.
    ///   - variants: names of the same letters, all different, with weights of 0 or more, not all 0.
    /// - Throws: ``ExperimentError``, which says what is wrong.
    public init(_ name: String, variants: [(name: String, weight: Int)]) throws(ExperimentError) {
        guard BaggageStamps.isName(name) else { throw ExperimentError("name '\(name)', \(Self.nameExpected)") }
        guard 1...Self.variantsMax ~= variants.count else {
            throw ExperimentError("\(variants.count) variants, expected 1 to \(Self.variantsMax)")
        }
        for variant in variants {
            guard BaggageStamps.isName(variant.name) else {
                throw ExperimentError("variant '\(variant.name)', \(Self.nameExpected)")
            }
            guard 0...Self.weightMax ~= variant.weight else {
                throw ExperimentError("weight \(variant.weight), expected 0 to \(Self.weightMax)")
            }
        }
        guard Set(variants.map(\.name)).count == variants.count else {
            throw ExperimentError("two variants of one name, expected different ones")
        }
        self.name = name
        self.variants = variants.map { Variant(name: $0.name, weight: $0.weight) }
        weightSum = variants.reduce(0) { $0 + UInt64($1.weight) }
        guard weightSum > 0 else { throw ExperimentError("all weights are 0, expected one above it") }
    }

    /// The variant of a unit. The unit's id goes nowhere.
    public func variant(for unit: String) -> Variant {
        var bytes = Array(name.utf8)
        bytes.append(0)
        bytes.append(contentsOf: unit.utf8)
        var place = StableHash.hash(bytes).multipliedFullWidth(by: weightSum).high
        for variant in variants {
            let weight = UInt64(variant.weight)
            if place < weight { return variant }
            place -= weight
        }
        return variants[variants.count - 1]
    }

    private static let nameExpected = "expected 1 to \(nameBytesMax) of A-Z a-z 0-9 - _ ."
}

/// Why an experiment cannot be.
public struct ExperimentError: Error, Equatable, CustomStringConvertible {
    /// The value at fault and what was expected.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
