import SemanticConventions
import Tracing

/// How good an answer is, as some metric sees it.
public struct Evaluation: Sendable, Equatable {
    /// The metric.
    public var name: String
    /// The score as a number.
    public var score: Double?
    /// The score as a word, such as `pass`.
    public var label: String?
    /// Why; recorded where ``ContentCapture`` is on, because it often quotes the answer.
    public var explanation: String?
    /// The id of the answer, where the span is not that of the model call.
    public var responseID: String?
    /// The class of the failure, when there is no score because the evaluation failed.
    public var errorType: String?

    /// An evaluation by the metric of that name.
    public init(
        _ name: String, score: Double? = nil, label: String? = nil, explanation: String? = nil,
        responseID: String? = nil, errorType: String? = nil
    ) {
        self.name = name
        self.score = score
        self.label = label
        self.explanation = explanation
        self.responseID = responseID
        self.errorType = errorType
    }
}

extension OperationSpan {
    /// Records an evaluation of what was done here as an event `gen_ai.evaluation.result`.
    public func recordEvaluation(_ evaluation: Evaluation) {
        let recorder = AttributeRecorder(span)
        recorder.addEvent(GenAI.evaluationEventName, recorder.attributes(of: evaluation))
    }
}

extension AttributeRecorder {
    fileprivate func attributes(of evaluation: Evaluation) -> SpanAttributes {
        var attributes: SpanAttributes = [:]
        attributes.set(GenAI.evaluationName, evaluation.name)
        attributes.set(GenAI.evaluationScoreValue, evaluation.score)
        attributes.set(GenAI.evaluationScoreLabel, evaluation.label)
        attributes.set(GenAI.responseID, evaluation.responseID)
        attributes.set(ErrorAttributes.errorType, evaluation.errorType)
        if let (text, bytes) = captured(.evaluationExplanation, { evaluation.explanation }) {
            attributes.set(ContentKind.evaluationExplanation.attribute, text)
            attributes.set(ContentKind.evaluationExplanation.cutMark, bytes)
        }
        return attributes
    }
}
