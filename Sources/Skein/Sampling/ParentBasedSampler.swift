/// Decides by the parent: one sampler for the first span of a trace, and one for each kind of parent.
///
/// By default the parent's decision is followed, wherever the parent is. A decision that came without a span counts as
/// one of a remote parent. A parent whose sender left the decision open (``SpanContext/isDeferred``) counts as none.
public struct ParentBasedSampler: Sampler {
    private let root: any Sampler
    private let remoteSampled: any Sampler
    private let remoteNotSampled: any Sampler
    private let localSampled: any Sampler
    private let localNotSampled: any Sampler
    /// Whether every delegate but the root says what the parent said: the usual case, which needs no call.
    private let followsParent: Bool

    /// - Parameters:
    ///   - root: decides where there is no parent.
    ///   - remoteParentSampled: decides where a span of another process is the parent and is sampled.
    ///   - remoteParentNotSampled: decides where a span of another process is the parent and is not sampled.
    ///   - localParentSampled: decides where a span of this process is the parent and is sampled.
    ///   - localParentNotSampled: decides where a span of this process is the parent and is not sampled.
    public init(
        root: any Sampler, remoteParentSampled: any Sampler = AlwaysOnSampler(),
        remoteParentNotSampled: any Sampler = AlwaysOffSampler(),
        localParentSampled: any Sampler = AlwaysOnSampler(), localParentNotSampled: any Sampler = AlwaysOffSampler()
    ) {
        self.root = root
        remoteSampled = remoteParentSampled
        remoteNotSampled = remoteParentNotSampled
        localSampled = localParentSampled
        localNotSampled = localParentNotSampled
        followsParent =
            remoteParentSampled is AlwaysOnSampler && remoteParentNotSampled is AlwaysOffSampler
            && localParentSampled is AlwaysOnSampler && localParentNotSampled is AlwaysOffSampler
    }

    /// Whether it records what the parent does, and new traces always: the default.
    var isDefault: Bool { followsParent && root is AlwaysOnSampler }

    /// The decision of the sampler for this kind of parent.
    public func shouldSample(_ parameters: SamplingParameters) -> SamplingResult {
        if followsParent, let parent = parameters.parent, !parent.isDeferred {
            return SamplingResult(isSampled: parent.isSampled, traceState: parent.traceState)
        }
        return delegate(parameters).shouldSample(parameters)
    }

    private func delegate(_ parameters: SamplingParameters) -> any Sampler {
        if let parent = parameters.parent, !parent.isDeferred {
            switch (parent.isRemote, parent.isSampled) {
            case (false, true): return localSampled
            case (false, false): return localNotSampled
            case (true, true): return remoteSampled
            case (true, false): return remoteNotSampled
            }
        }
        switch parameters.remoteDecision {
        case nil: return root
        case true?: return remoteSampled
        case false?: return remoteNotSampled
        }
    }

    /// The name and the samplers.
    public var description: String {
        "ParentBasedSampler(root: \(root.description), remoteParentSampled: \(remoteSampled.description), "
            + "remoteParentNotSampled: \(remoteNotSampled.description), "
            + "localParentSampled: \(localSampled.description), localParentNotSampled: \(localNotSampled.description))"
    }
}
