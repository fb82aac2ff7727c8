# Macros of OpenSimulCrypt's configure.ac.

# SIMC_COMPONENT(NAME, HELP, [PACKAGES], [planned])
# One component: gives the switch --disable-NAME, the conditional WITH_NAME, the variables
# NAME_CFLAGS/NAME_LIBS of its pkg-config PACKAGES, and a line of the summary. A component whose
# code is not in this release yet is "planned": it cannot be enabled by hand, and says so.
AC_DEFUN([SIMC_COMPONENT], [
  m4_pushdef([simc_upper], m4_translit([$1], [a-z-], [A-Z_]))
  m4_pushdef([simc_lower], m4_translit([$1], [-], [_]))
  AC_ARG_ENABLE([$1], [AS_HELP_STRING([--disable-$1], [leave out $2])],
    [], [enable_]simc_lower[=auto])
  m4_if([$4], [planned], [
    AS_IF([test "x$enable_[]simc_lower" = xyes],
      [AC_MSG_ERROR([$2 (--enable-$1) is not part of this release yet; README.md lists what works])])
    enable_[]simc_lower=no
    simc_state="planned"
  ], [
    m4_ifval([$3], [
      AS_IF([test "x$enable_[]simc_lower" != xno],
        [PKG_CHECK_MODULES(simc_upper, [$3], [enable_[]simc_lower=yes],
          [AC_MSG_ERROR([$2 needs: $3. Install the development packages (Debian: see README.md) or configure with --disable-$1])])])
    ], [AS_IF([test "x$enable_[]simc_lower" = xauto], [enable_[]simc_lower=yes])])
    simc_state=$enable_[]simc_lower
  ])
  AM_CONDITIONAL([WITH_]simc_upper, [test "x$enable_[]simc_lower" = xyes])
  AS_IF([test "x$enable_[]simc_lower" = xyes],
    [AC_DEFINE([SIMC_WITH_]simc_upper, [1], [Define to 1 when $2 is built.])])
  simc_components="$simc_components $1=$simc_state"
  m4_popdef([simc_lower])
  m4_popdef([simc_upper])
])

# SIMC_NEEDS(NAME, HELP, COMPONENTS)
# Leaves component NAME out when one of COMPONENTS is left out. Stands between the two: behind what
# it names, in front of its own SIMC_COMPONENT.
AC_DEFUN([SIMC_NEEDS], [
  for simc_need in $3; do
    AS_VAR_COPY([simc_state], [enable_$simc_need])
    AS_IF([test "x$simc_state" != xno], [continue])
    AS_IF([test "x$enable_$1" = xyes],
      [AC_MSG_ERROR([$2 needs the component $simc_need: leave out --disable-$simc_need])])
    enable_$1=no
  done
])

# SIMC_CC_FLAGS(VARIABLE, FLAGS...)
# Appends to VARIABLE each of the FLAGS that the compiler knows.
AC_DEFUN([SIMC_CC_FLAGS], [
  for simc_flag in $2; do
    AX_SIMC_CHECK_FLAG([$simc_flag], [$1="$$1 $simc_flag"])
  done
])

# AX_SIMC_CHECK_FLAG(FLAG, ACTION): runs ACTION when the compiler takes FLAG without a word.
AC_DEFUN([AX_SIMC_CHECK_FLAG], [
  simc_saved_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $1"
  AC_MSG_CHECKING([whether $CC knows $1])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [CFLAGS=$simc_saved_CFLAGS
     AC_MSG_RESULT([yes])
     $2],
    [CFLAGS=$simc_saved_CFLAGS
     AC_MSG_RESULT([no])])
])
