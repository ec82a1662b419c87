# SPDX-License-Identifier: Apache-2.0
# cmake -DBPFTOOL= -DOBJECT= -DNAME= -DSKELETON= -P: writes the skeleton only when all went well.
execute_process(COMMAND "${BPFTOOL}" gen skeleton "${OBJECT}" name "${NAME}"
  OUTPUT_VARIABLE text RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "bpftool gen skeleton ${OBJECT}: status ${status}")
endif()
# The pragma holds where the folder is not searched as a system one.
file(WRITE "${SKELETON}" "#pragma GCC system_header\n${text}")
