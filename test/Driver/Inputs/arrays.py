"""arrays.py FOLDER: writes the inputs of twice.c. arrays.py FILE.npz: prints its arrays."""

import sys
from pathlib import Path

import numpy as np

path = Path(sys.argv[1])
if path.suffix == ".npz":
    for name, array in np.load(path).items():
        print(name, array.dtype, array.shape, array.ravel().tolist())
    sys.exit()

x = np.array([[1, -2, 3], [4, 5, -6]], np.float32)
n = np.int64(4)
np.save(path / "x.npy", x)
np.save(path / "n.npy", n)
np.savez(path / "in.npz", x=x, n=n)
np.savez_compressed(path / "deflated.npz", x=x, n=n)
np.save(path / "fortran.npy", np.asfortranarray(x))
np.save(path / "big.npy", n.astype(">i8"))
np.save(path / "double.npy", x.astype(np.float64))
np.save(path / "flat.npy", x.ravel())
np.save(path / "text.npy", np.array(["a"]))
np.savez(path / "more.npz", x=x, n=n, z=x)
whole = (path / "x.npy").read_bytes()
for name, content in {
    "cut": whole[:-4],
    "header": whole[:40],
    "garbage": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70000,
    "empty": b"",
    "huge": whole.replace(b"(2, 3)", b"(99999999999, 3)"[:6].ljust(6)),
}.items():
    (path / f"{name}.npy").write_bytes(content)
(path / "cut.npz").write_bytes((path / "in.npz").read_bytes()[:-30])
