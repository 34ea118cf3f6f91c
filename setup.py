"""Build the C++ kernels, where that is possible; all else is in pyproject.toml.

Without them the recurrent layers run on torch's own kernels, so nothing here stops an
installation: whatever goes wrong becomes a warning, and `seqforecast.show_versions()` tells which
kernels are at work. `SEQFORECAST_KERNELS=0` leaves them out.
"""

import os
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

SOURCE = Path("seqforecast", "nn", "kernels", "src")

# The files choose their instruction sets themselves: -march=native would tie a wheel to the
# machine that built it. No product raises floating-point flags that anyone reads, and a fused
# multiplication and addition rounds once instead of twice; NaN and infinity keep their meaning.
OPTIMISE = ("-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")

# Without -g0, Python's own -g makes the module ten times as large; GCC warns of its own headers.
# libstdc++ stays shared: torch loads it anyway, and auditwheel knows which versions are safe.
GCC_AND_CLANG = ("-std=c++17", "-fvisibility=hidden", "-pthread", "-g0")
NO_WARNING = ("-Wno-psabi", "-Wno-uninitialized")


class BuildKernels(build_ext):
    """Build the kernels, or say in one line why they are left out."""

    def run(self):
        """Build, and turn whatever goes wrong into a warning."""
        if os.environ.get("SEQFORECAST_KERNELS") == "0":
            self._leave_out("SEQFORECAST_KERNELS=0")
            return
        try:
            super().run()
        except (CompileError, LinkError):  # whose message repeats all the options
            self._leave_out("the compiler failed, see above")
        except Exception as error:  # no compiler, no pybind11, a platform that nobody foresaw
            self._leave_out(error)

    def _leave_out(self, reason):
        self.inplace = False  # or an editable installation looks for what is not there
        self.warn(f"seqforecast will use torch's kernels: its own were not built ({reason}).")

    def build_extensions(self):
        """Give the compiler that was found its options, then build."""
        from pybind11 import get_include
        from pybind11.setup_helpers import ParallelCompile

        (extension,) = self.extensions
        extension.include_dirs.append(get_include())
        if self.compiler.compiler_type == "msvc":
            self._use_clang_cl(extension)
        else:
            extension.extra_compile_args += [*GCC_AND_CLANG, *NO_WARNING, *OPTIMISE]
            extension.extra_link_args.append("-pthread")
        with ParallelCompile():
            super().build_extensions()

    def _use_clang_cl(self, extension):
        """Replace Microsoft's compiler, which knows no vector extensions; keep its linker."""
        clang = shutil.which("clang-cl")
        if clang is None:
            raise FileNotFoundError("clang-cl is not on the PATH")
        self.compiler.initialize()
        self.compiler.cc = clang
        extension.extra_compile_args += ["/std:c++17", "/EHsc", "/bigobj"]
        extension.extra_compile_args += [f"/clang:{option}" for option in OPTIMISE]
        # __builtin_cpu_supports is in clang's own library, which that linker does not know.
        show_library = [clang, "/clang:--rtlib=compiler-rt", "/clang:--print-libgcc-file-name"]
        library = subprocess.run(show_library, capture_output=True, text=True, check=True).stdout
        extension.extra_objects.append(library.strip())


setup(
    cmdclass={"build_ext": BuildKernels},
    ext_modules=[
        Extension(
            "seqforecast._native",  # beside the package's light modules: imports no torch
            sources=sorted(map(str, SOURCE.glob("*.cpp"))),
            depends=sorted(map(str, SOURCE.glob("*.h"))),
            language="c++",
        )
    ],
)
