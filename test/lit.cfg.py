"""lit: one file a pass, dialect round trips, invalid IR, and tests that execute.

RUN lines call tools by name (strut-opt, strut, FileCheck, not, ...) and may use
%clang, %python, %source (the tree), %lib (where libStrut is) besides lit's own.
"""

import os
import platform

import lit.formats
import lit.util
from lit.llvm import llvm_config
from lit.llvm.subst import ToolSubst

config.name = "Strut"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test", ".ll"]
config.excludes = ["Inputs", "Unit"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.strut_build_dir, "test")

llvm_config.with_system_environment(
    ["HOME", "XDG_CACHE_HOME", "STRUT_CACHE", "STRUT_TEST_SEED", "STRUT_DELETED_CONDITION"]
)
if config.sanitizers:
    # libMLIR is not instrumented: containers that it resizes look corrupt, arenas
    # that it fills look poisoned, and what it keeps until exit looks leaked.
    llvm_config.with_environment(
        "ASAN_OPTIONS",
        "detect_container_overflow=0:allow_user_poisoning=0:detect_leaks=0",
        append_path=True,
    )
    config.available_features.add("sanitizers")

config.available_features.add(platform.machine())
if lit.util.which("qemu-aarch64"):
    config.available_features.add("qemu-aarch64")

strut_tools = ["strut-opt", "strut-reduce", "strut-lsp-server", "strut", "toy-backend", "toy-opt"]
llvm_tools = ["FileCheck", "not", "count", "split-file", "mlir-opt", "llvm-nm", "llvm-readelf"]
directories = [config.strut_tools_dir, config.llvm_tools_dir]
llvm_config.add_tool_substitutions(
    [ToolSubst(name, unresolved="ignore") for name in strut_tools + llvm_tools], directories
)
for directory in reversed(directories):
    llvm_config.with_environment("PATH", directory, append_path=True)

config.substitutions += [
    ("%clang", config.clang),
    ("%python", config.python),
    ("%source", config.strut_source_dir),
    ("%lib", config.strut_lib_dir),
]
