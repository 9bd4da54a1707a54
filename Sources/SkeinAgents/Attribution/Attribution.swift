import ContextBaggage
import SemanticConventions
import ServiceContextModule

/// On whose behalf work is done. It travels in baggage, and every span below says it: on Skein's tracer all of them, on
/// other tracers those of this module.
///
/// **It leaves the process**: baggage goes along with every outgoing request, to whatever service that is. Put ids in
/// it, no names or addresses of people and no secrets.
///
/// What is nil or empty stays as it is around it. A text is cut at ``bytesMax`` bytes.
public struct Attribution: Sendable, Equatable {
    /// Bytes of one text. Baggage has 8,192 bytes in all, which must also hold what others put there.
    public static let bytesMax = BaggageStamps.textBytesMax

    /// The user (`user.id`).
    public var user: String?
    /// The department that pays (`skein.attribution.department`).
    public var department: String?
    /// The application (`skein.attribution.application`).
    public var application: String?
    /// The customer (`skein.attribution.tenant`).
    public var tenant: String?
    /// The caller's environment (`skein.attribution.environment`).
    public var environment: String?
    /// The conversation, session or thread (`gen_ai.conversation.id`).
    public var conversation: String?

    /// Attribution to what is given.
    public init(
        user: String? = nil, department: String? = nil, application: String? = nil, tenant: String? = nil,
        environment: String? = nil, conversation: String? = nil
    ) {
        self.user = user
        self.department = department
        self.application = application
        self.tenant = tenant
        self.environment = environment
        self.conversation = conversation
    }

    /// The attributes, which are the names of the baggage entries too.
    private static let keys: [(key: AttributeKey<String>, value: @Sendable (Attribution) -> String?)] = [
        (HTTPAttributes.userID, { $0.user }), (SkeinAttributes.department, { $0.department }),
        (SkeinAttributes.application, { $0.application }), (SkeinAttributes.tenant, { $0.tenant }),
        (SkeinAttributes.environment, { $0.environment }), (GenAI.conversationID, { $0.conversation }),
    ]

    func add(to baggage: inout Baggage) {
        for (key, value) in Self.keys {
            guard let text = value(self), !text.isEmpty else { continue }
            baggage[key.name] = text.prefix(bytes: Self.bytesMax)
        }
    }
}

extension AttributeRecorder {
    /// Records who the work is for and which variants of experiments it belongs to.
    func stamp(_ baggage: Baggage) {
        var stamps = BaggageStamps()
        for entry in baggage.entries {
            guard let value = stamps.value(forEntry: entry.key, entry.value) else { continue }
            span.attributes[entry.key] = value.spanAttribute
        }
    }
}
