"""Opens a file in a language server with one operator right and one misspelled."""

import json
import subprocess
import sys

server = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def send(method, params, number=None):
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if number is not None:
        message["id"] = number
    body = json.dumps(message).encode()
    server.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    server.stdin.flush()


def receive():
    length = 0
    while (line := server.stdout.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return json.loads(server.stdout.read(length))


send("initialize", {"processId": None, "rootUri": None, "capabilities": {}}, 0)
receive()
for op in ("onnx.Relu", "onnx.Rellu"):
    text = f"func.func @f(%x: tensor<4xf32>) {{\n  %0 = {op}(%x) : (tensor<4xf32>) -> tensor<4xf32>\n  return\n}}\n"
    document = {"uri": f"file:///{op}.mlir", "languageId": "mlir", "version": 1, "text": text}
    send("textDocument/didOpen", {"textDocument": document})
    while (message := receive()).get("method") != "textDocument/publishDiagnostics":
        pass
    print(len(message["params"]["diagnostics"]), "diagnostics for", op)
send("shutdown", None, 1)
receive()
send("exit", None)
sys.exit(server.wait(timeout=300))
