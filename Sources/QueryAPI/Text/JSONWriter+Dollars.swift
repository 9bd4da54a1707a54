import OTLP

extension JSONWriter {
    /// An amount as ``DollarText/plain(_:)`` has it: a number without an exponent, which not every reader of a bill
    /// takes.
    package mutating func dollars(_ key: StaticString, _ amount: Double) {
        self.key(key)
        if amount.isFinite { raw(DollarText.plain(amount).utf8) } else { double(amount) }
    }
}
