/// Whether a server takes calls at all, and what their messages may hold together.
package struct GRPCAdmission: Sendable {
    /// The budget of all messages under way; several servers and listeners may share one.
    package let budget: BufferBudget
    /// The answer to a call whose message does not fit in the budget.
    package let buffersFull: GRPCStatus
    /// Asked when a call begins, on its event loop, so it must not block; what it returns is the call's answer, and its
    /// message is not read.
    package let refusal: @Sendable () -> GRPCStatus?

    package init(
        budget: BufferBudget,
        buffersFull: GRPCStatus = GRPCStatus(.unavailable, "the server's request buffers are full"),
        refusal: @escaping @Sendable () -> GRPCStatus? = { nil }
    ) {
        self.budget = budget
        self.buffersFull = buffersFull
        self.refusal = refusal
    }
}
