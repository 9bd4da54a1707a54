"""Compares our .proto files with the descriptors that PyPI's packages carry.

Every message, enum and service that our files declare must exist in the public package with the same fields (name,
number, cardinality, type), values (name, number) or methods (name, request, response, streaming), none missing on
either side. Whole messages that we do not declare are no difference. A oneof with a single member counts as `optional`,
because protoc-c cannot read the keyword.

Exit status: 0 equal, 1 different (each difference on a line of its own), 2 the comparison could not be made.
"""

import argparse
import importlib
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

FieldProto = descriptor_pb2.FieldDescriptorProto

# Only these have a public package to be held against.
COMPARED_PREFIXES = ("opentelemetry/", "google/")


class CannotCompare(Exception):
    """The tools or packages that the comparison needs are missing or refuse."""


def our_files(proto_root):
    """The FileDescriptorProtos of all .proto files below proto_root, by path."""
    names = sorted(str(path.relative_to(proto_root)) for path in proto_root.rglob("*.proto"))
    if not names:
        raise CannotCompare(f"no .proto file below {proto_root}")
    with tempfile.NamedTemporaryFile() as output:
        command = ["protoc", f"--proto_path={proto_root}", f"--descriptor_set_out={output.name}", *names]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise CannotCompare("protoc is not installed (Debian package protobuf-compiler)") from error
        except subprocess.CalledProcessError as error:
            raise CannotCompare(f"protoc failed: {error.stderr.strip()}") from error
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read()).file
    return {file.name: file for file in files}


def public_file(name):
    """The FileDescriptorProto of the same path in the installed packages."""
    module_name = name.removesuffix(".proto").replace("/", ".") + "_pb2"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CannotCompare(f"{name}: no installed package has {module_name}") from error
    return descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def cardinality(message, field):
    """`singular`, `repeated`, `required`, `optional` or `oneof NAME`."""
    if field.label == FieldProto.LABEL_REPEATED:
        return "repeated"
    if field.label == FieldProto.LABEL_REQUIRED:
        return "required"
    if not field.HasField("oneof_index"):
        return "singular"
    members = [other for other in message.field
               if other.HasField("oneof_index") and other.oneof_index == field.oneof_index]
    if len(members) == 1:
        return "optional"
    return f"oneof {message.oneof_decl[field.oneof_index].name}"


def field_facts(message):
    """What must be equal of each field of a message, by field name."""
    return {
        field.name: (
            f"{cardinality(message, field)} {FieldProto.Type.Name(field.type)}"
            f"{' ' + field.type_name if field.type_name else ''} = {field.number}"
        )
        for field in message.field
    }


def method_facts(service):
    """What must be equal of each method of a service, by method name."""
    return {
        method.name: (
            f"({'stream ' if method.client_streaming else ''}{method.input_type})"
            f" returns ({'stream ' if method.server_streaming else ''}{method.output_type})"
        )
        for method in service.method
    }


def declarations(file):
    """The facts of every message, enum and service of a file, by kind and full name."""
    found = {}

    def add_enum(scope, enum):
        found[f"enum {scope}.{enum.name}"] = {value.name: f"= {value.number}" for value in enum.value}

    def add_message(scope, message):
        name = f"{scope}.{message.name}"
        found[f"message {name}"] = field_facts(message)
        for enum in message.enum_type:
            add_enum(name, enum)
        for nested in message.nested_type:
            add_message(name, nested)

    for message in file.message_type:
        add_message(file.package, message)
    for enum in file.enum_type:
        add_enum(file.package, enum)
    for service in file.service:
        found[f"service {file.package}.{service.name}"] = method_facts(service)
    return found


def differences(ours, public):
    """One line for each difference between two FileDescriptorProtos of the same path."""
    if (ours.package, ours.syntax) != (public.package, public.syntax):
        yield f"{ours.name}: is {ours.syntax} package {ours.package}, expected {public.syntax} package {public.package}"
    expected_declarations = declarations(public)
    for name, facts in declarations(ours).items():
        expected = expected_declarations.get(name)
        if expected is None:
            yield f"{ours.name}: {name}: not in the public package"
            continue
        for member in sorted(facts.keys() | expected.keys()):
            if facts.get(member) != expected.get(member):
                yield (
                    f"{ours.name}: {name}.{member}: is '{facts.get(member, 'missing')}',"
                    f" expected '{expected.get(member, 'nothing')}'"
                )


def compare(proto_root):
    """Prints the differences and a summary; gives the exit status."""
    found = []
    declared = 0
    compared = 0
    for name, ours in our_files(proto_root).items():
        if not name.startswith(COMPARED_PREFIXES):
            print(f"{name}: not compared, no public package is known")
            continue
        compared += 1
        declared += len(declarations(ours))
        found += differences(ours, public_file(name))
    if compared == 0:
        raise CannotCompare("no file of ours has a public counterpart")
    for line in found:
        print(line)
    print(f"{compared} files, {declared} messages, enums and services, {len(found)} differences")
    return 1 if found else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("proto_root", type=pathlib.Path, help="the folder that our .proto files' paths start from")
    arguments = parser.parse_args()
    try:
        return compare(arguments.proto_root)
    except CannotCompare as error:
        print(f"compare_descriptors: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
