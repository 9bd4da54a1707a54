import SkeinAgents
import Testing

@Suite struct ErrorClassTests {
    @Test(arguments: [
        (200, ErrorClass.unknown), (400, .invalid), (401, .authentication), (403, .authentication), (404, .invalid),
        (408, .unavailable), (409, .unavailable), (422, .invalid), (429, .rateLimit), (499, .cancelled),
        (500, .unavailable), (501, .invalid), (503, .unavailable), (529, .unavailable), (-1, .unknown),
    ])
    func statusesHaveClasses(_ status: Int, _ expected: ErrorClass) {
        #expect(ErrorClass(httpStatus: status) == expected)
    }

    @Test(arguments: [
        (ModelAPIError(type: "rate_limit_error", message: ""), ErrorClass.rateLimit),
        (ModelAPIError(type: "insufficient_quota", code: "insufficient_quota", message: ""), .authentication),
        (ModelAPIError(type: "invalid_request_error", code: "rate_limit_exceeded", message: ""), .rateLimit),
        (ModelAPIError(type: "RESOURCE_EXHAUSTED", code: "429", message: ""), .rateLimit),
        (ModelAPIError(type: "overloaded_error", message: ""), .unavailable),
        (ModelAPIError(code: "503", message: ""), .unavailable), (ModelAPIError(type: "new", message: ""), .unknown),
    ])
    func errorsOfProvidersHaveClasses(_ error: ModelAPIError, _ expected: ErrorClass) {
        #expect(error.errorClass == expected)
    }

    @Test func anErrorThatSaysNothingIsUnknown() {
        struct Foreign: Error {}
        #expect(ErrorClass(Foreign()) == .unknown)
        #expect(ErrorClass(CancellationError()) == .cancelled)
        #expect(ErrorClass(ModelAPIError(code: "429", message: "")) == .rateLimit)
    }
}
