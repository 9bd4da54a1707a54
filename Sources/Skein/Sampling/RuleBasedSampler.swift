import Tracing

/// Picks a sampler by what the span is: the first rule that fits decides, or else the fallback.
///
/// ```swift
/// RuleBasedSampler(
///     rules: [
///         SamplingRule(name: "GET /health*", sampler: AlwaysOffSampler()),
///         SamplingRule(attributes: ["tenant": "trial"], sampler: TraceIDRatioSampler(ratio: 0.01)),
///     ],
///     fallback: AlwaysOnSampler())
/// ```
///
/// A span deep in a trace is asked about like any other, so a rule can leave a hole in a trace. Where whole traces are
/// to be picked, make this the root of a ``ParentBasedSampler``.
public struct RuleBasedSampler: Sampler {
    private let rules: [SamplingRule]
    private let fallback: any Sampler

    /// - Parameters:
    ///   - rules: in the order in which they are tried. Each costs time at the start of every span.
    ///   - fallback: decides where no rule fits.
    public init(rules: [SamplingRule], fallback: any Sampler) {
        self.rules = rules
        self.fallback = fallback
    }

    /// The decision of the first rule that fits.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        for rule in rules where rule.fits(parameters) { return rule.sampler.shouldSample(parameters) }
        return fallback.shouldSample(parameters)
    }

    /// The name, the rules' samplers and the fallback.
    public var description: String {
        let samplers = rules.map { $0.sampler.description }.joined(separator: ", ")
        return "RuleBasedSampler([\(samplers)], fallback: \(fallback.description))"
    }
}

/// One rule of a ``RuleBasedSampler``. It fits a span that meets all of its conditions; one without conditions fits all.
public struct SamplingRule: Sendable {
    private enum Condition: Sendable {
        case text(TextGlob)
        case value(AttributeValue)
    }

    private let name: TextGlob?
    private let kind: SpanKind?
    private let attributes: [(key: String, condition: Condition)]
    let sampler: any Sampler

    /// - Parameters:
    ///   - name: the name the span starts with; `*` stands for any text. Upper and lower case differ. Nil fits all.
    ///   - kind: the kind of the span; nil fits all.
    ///   - attributes: attributes known at the start: those given to
    ///     ``SkeinTracer/startSpan(_:attributes:context:ofKind:at:)`` and those copied from baggage. A string may hold
    ///     `*` like the name; whole numbers are equal whatever their size, but a number never equals a text.
    ///   - sampler: decides where the rule fits.
    public init(
        name: String? = nil, kind: SpanKind? = nil, attributes: SpanAttributes = SpanAttributes(), sampler: any Sampler
    ) {
        self.name = name.map(TextGlob.init)
        self.kind = kind
        self.sampler = sampler
        var conditions: [(key: String, condition: Condition)] = []
        attributes.forEach { key, attribute in
            switch AttributeValue(attribute, SpanLimits()) {
            case .string(let text)?: conditions.append((key, .text(TextGlob(text))))
            case let value?: conditions.append((key, .value(value)))
            case nil: break
            }
        }
        self.attributes = conditions
    }

    func fits(_ parameters: SamplingParameters) -> Bool {
        if let kind, kind != parameters.kind { return false }
        if let name, !name.matches(parameters.name) { return false }
        return attributes.allSatisfy { key, condition in
            guard let attribute = parameters.attribute(key) else { return false }
            let value = AttributeValue(attribute, SpanLimits())
            switch (condition, value) {
            case (.text(let glob), .string(let text)?): return glob.matches(text)
            case (.value(let expected), let value?): return value == expected
            default: return false
            }
        }
    }
}
