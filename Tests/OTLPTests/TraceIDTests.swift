import OTLP
import Testing

@Suite struct TraceIDTests {
    @Test func hexRoundTripsInLowerCase() throws {
        let id = try #require(TraceID(hex: "0AF7651916CD43DD8448EB211C80319C"))
        #expect(id.hex == "0af7651916cd43dd8448eb211c80319c")
        #expect(id.high == 0x0af7_6519_16cd_43dd)
        #expect(SpanID(hex: "00f067aa0ba902b7")?.hex == "00f067aa0ba902b7")
    }

    @Test(arguments: [
        "", "0af7651916cd43dd8448eb211c80319", "0af7651916cd43dd8448eb211c80319cc", "zz",
        "é0f7651916cd43dd8448eb211c80319c",
    ])
    func otherTextIsNoTraceID(_ text: String) {
        #expect(TraceID(hex: text) == nil)
    }
}
