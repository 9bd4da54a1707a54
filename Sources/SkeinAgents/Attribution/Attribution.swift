import ContextBaggage
import SemanticConventions
import ServiceContextModule

/// On whose behalf work is done. It travels in baggage, and every span of this module below says it.
///
/// **It leaves the process**: baggage goes along with every outgoing request, to whatever service that is. Put ids in
/// it, no names or addresses of people and no secrets.
///
/// What is nil or empty stays as it is around it. A text is cut at ``bytesMax`` bytes.
public struct Attribution: Sendable, Equatable {
    /// Bytes of one text. Baggage has 8,192 bytes in all, which must also hold what others put there.
    public static let bytesMax = 256

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

    private static let keysByName: [String: AttributeKey<String>] = Dictionary(
        uniqueKeysWithValues: keys.map { ($0.key.name, $0.key) })

    /// The attribute that a baggage entry is stamped as; nil for an entry that is none of ours.
    static func attribute(forEntry name: String) -> AttributeKey<String>? { keysByName[name] }

    func add(to baggage: inout Baggage) {
        for (key, value) in Self.keys {
            guard let text = value(self), !text.isEmpty else { continue }
            baggage[key.name] = text.prefix(bytes: Self.bytesMax)
        }
    }
}

extension AttributeRecorder {
    /// Experiments whose variants are stamped; of more the first count.
    private static let experimentsMax = 16

    /// Records who the work is for and which variants of experiments it belongs to. Other entries of the baggage are
    /// left alone: anyone on the way may have put them there.
    func stamp(_ baggage: Baggage) {
        var experiments = 0
        for entry in baggage.entries {
            if let key = Attribution.attribute(forEntry: entry.key) {
                set(key, entry.value.prefix(bytes: Attribution.bytesMax))
            } else if entry.key.hasPrefix(SkeinAttributes.experimentPrefix), experiments < Self.experimentsMax,
                Experiment.isName(entry.key.dropFirst(SkeinAttributes.experimentPrefix.count))
            {
                experiments += 1
                span.attributes[entry.key] = entry.value.prefix(bytes: Experiment.nameBytesMax).spanAttribute
            }
        }
    }
}
