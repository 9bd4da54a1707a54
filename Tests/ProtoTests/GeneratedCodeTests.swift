import Foundation
import Testing

@Suite struct GeneratedCodeTests {
    private func check(script: URL = Repository.generateScript, target: URL) throws -> (status: Int32, output: String) {
        try Repository.run(script, ["--check"], environment: ["SKEIN_PROTO_TARGET": target.path(percentEncoded: false)])
    }

    @Test func committedCodeIsWhatTheProtoFilesGive() throws {
        let (status, output) = try Repository.run(Repository.generateScript, ["--check"])
        #expect(status == 0, "\(output)")
        #expect(output == "")
    }

    @Test func changedMissingAndStaleFilesAreNamed() throws {
        try Repository.withCopy(of: Repository.generatedCode) { copy in
            let changed = copy.appending(path: "generated/google/rpc/status.pb-c.c")
            try (String(contentsOf: changed, encoding: .utf8) + "\n").write(
                to: changed, atomically: true, encoding: .utf8)
            try FileManager.default.removeItem(at: copy.appending(path: "include/google/protobuf/any.pb-c.h"))
            try "".write(to: copy.appending(path: "generated/old.pb-c.c"), atomically: true, encoding: .utf8)
            let (status, output) = try check(target: copy)
            #expect(status == 1)
            #expect(output.contains("run 'make proto'"))
            #expect(output.contains("differs: ./generated/google/rpc/status.pb-c.c"))
            #expect(output.contains("missing: ./include/google/protobuf/any.pb-c.h"))
            #expect(output.contains("has no .proto: ./generated/old.pb-c.c"))

            #expect(
                try Repository.run(
                    Repository.generateScript, [], environment: ["SKEIN_PROTO_TARGET": copy.path(percentEncoded: false)]
                ).status == 0)
            #expect(try check(target: copy).status == 0)
            #expect(
                !FileManager.default.fileExists(
                    atPath: copy.appending(path: "generated/old.pb-c.c").path(percentEncoded: false)))
        }
    }

    @Test func changedProtoFileIsNoticed() throws {
        try Repository.withCopy(of: Repository.protoFiles) { copy in
            let file = copy.appending(path: "google/rpc/status.proto")
            let text = try String(contentsOf: file, encoding: .utf8)
            try text.replacing("int32 code = 1", with: "int32 code = 4").write(
                to: file, atomically: true, encoding: .utf8)
            let (status, output) = try check(
                script: copy.appending(path: "generate.sh"), target: Repository.generatedCode)
            #expect(status == 1)
            #expect(output.contains("differs: ./generated/google/rpc/status.pb-c.c"))
        }
    }

    @Test func unknownArgumentIsAUsageError() throws {
        let (status, output) = try Repository.run(Repository.generateScript, ["--chekc"])
        #expect(status == 2)
        #expect(output.contains("unknown argument '--chekc'"))
    }
}
