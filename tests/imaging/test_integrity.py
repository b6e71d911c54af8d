import os
import struct

import pytest

from causalimg.errors import ImageReadError
from causalimg.imaging.integrity import check_complete, promised_bytes
from causalimg.imaging.itk import captured_stderr, one_thread


def nifti1(order: str, shape: tuple[int, ...], bits: int) -> bytes:
    header = bytearray(348)
    struct.pack_into(order + "i", header, 0, 348)
    struct.pack_into(order + "8h", header, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into(order + "h", header, 72, bits)
    struct.pack_into(order + "f", header, 108, 352.0)
    return bytes(header)


@pytest.mark.parametrize("order", ["<", ">"])
def test_bytes_that_a_header_promises(order):
    assert promised_bytes(nifti1(order, (4, 5, 6), 16)) == 352 + 240
    second = bytearray(540)
    struct.pack_into(order + "i", second, 0, 540)
    struct.pack_into(order + "h", second, 14, 32)
    struct.pack_into(order + "8q", second, 16, 3, 4, 5, 6, 1, 1, 1, 1)
    struct.pack_into(order + "q", second, 168, 544)
    assert promised_bytes(bytes(second)) == 544 + 480
    assert promised_bytes(b"\x00" * 400) is None


def test_one_byte_short(tmp_path):
    path = tmp_path / "a.nii"
    path.write_bytes(nifti1("<", (4, 5, 6), 16) + b"\x00" * 244)
    check_complete(path, what="case 'a'")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ImageReadError, match="promises 592 bytes and 591 are there"):
        check_complete(path, what="case 'a'")


def test_stderr_of_c_code_is_caught_and_given_back(capfd):
    with captured_stderr() as said:
        os.write(2, b"from C\n")
    assert said == ["from C"]
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_the_number_of_itk_threads_is_put_back():
    import SimpleITK

    before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
    with one_thread():
        assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
