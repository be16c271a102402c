"""Generated code, the runtime and its callers under ThreadSanitizer.

A library is not instrumented; the LLVM IR of its kernels can be. It is emitted for 16-byte
vectors, for wider accesses are beyond what the sanitizer looks at."""

import os
import platform
import subprocess

import pytest

from Execute.test_attention import PLAIN, attention_text


@pytest.mark.skipif(platform.machine() != "x86_64", reason="emits x86-64 code")
def test_four_threads_with_two_contexts_each(strut_run, clang, root, tmp_path):
    (tmp_path / "empty.c").write_text("int main(void) { return 0; }")
    sanitized = [clang, "-fsanitize=thread", "-g", "-O1", "-Wno-unused-command-line-argument"]
    sanitized += [f"-I{root / 'include'}"]
    have = subprocess.run([*sanitized, tmp_path / "empty.c", "-o", tmp_path / "empty"], capture_output=True)
    if have.returncode:
        pytest.skip("clang has no ThreadSanitizer (libclang-rt-22-dev)")

    (tmp_path / "a.mlir").write_text(attention_text(2, 2, 32, PLAIN))
    strut_run("compile", tmp_path / "a.mlir", "--emit", "llvm", "--target-cpu", "x86-64-v2", "-o", tmp_path / "a.ll")
    # The host function is called main: it is no one else's business.
    opt = ["/usr/lib/llvm-22/bin/opt", "-passes=internalize,forceattrs", "-force-attribute=sanitize_thread"]
    opt += ["-internalize-public-api-list=strut_run,strut_bind"]
    subprocess.run([*opt, "-S", tmp_path / "a.ll", "-o", tmp_path / "marked.ll"], check=True)
    subprocess.run(
        [*sanitized, "-Wno-override-module", "-c", tmp_path / "marked.ll", "-o", tmp_path / "a.o"], check=True
    )
    assert b"__tsan_read16" in (tmp_path / "a.o").read_bytes(), "the kernels are not instrumented"
    for source in sorted((root / "lib" / "Runtime").glob("*.c")):
        flags = ["-std=c11", "-ffreestanding", "-nostdlibinc", "-c"]
        subprocess.run([*sanitized, *flags, source, "-o", tmp_path / f"{source.stem}.runtime.o"], check=True)
    program = tmp_path / "threads"
    objects = [tmp_path / "a.o", *sorted(tmp_path.glob("*.runtime.o"))]
    harness = root / "test" / "Execute" / "Inputs" / "threads.c"
    subprocess.run([*sanitized, harness, *objects, "-lpthread", "-o", program], check=True)
    done = subprocess.run(
        [program],
        env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
