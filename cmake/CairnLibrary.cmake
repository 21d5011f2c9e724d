# cairn_library(<folder> SOURCES ... HEADERS ... DEPS <folders> LIBS <targets>)
#   One folder = one static library cairn_<folder>, alias cairn::<folder>. DEPS are the include
#   arrows of ARCHITECTURE.md; LIBS are third-party targets, private to the folder.
#   A header with a .cc of its own is the first that this file includes (tools/layer_check.py sees to
#   it), so building the file shows that the header stands alone. Lint compiles the other headers.
# cairn_test(<name> SOURCES ... DEPS <folders> [LIBS ...] [LABELS ...] [TIMEOUT seconds])
#   One GoogleTest binary, one ctest entry per binary. The label `threads` marks what crosses cores
#   or threads: the target cairn_thread_tests builds those binaries, and TSan runs them. The target
#   cairn_memory_tests builds what ASan runs. Unit tests on io/ have the label `reactor` as well.
# cairn_name_test(<name>): each name once, because what CMake sets for a test reaches all of its name.
# cairn_on_both_reactors(<tests>...): the label `reactor`, for tests whose sockets, files, timers or
#   streamed bodies may fare otherwise on epoll than on io_uring: tools/test.sh runs them on both.
# cairn_timed_tests(<tests>...): tests that bound how long something takes. Each counts as two beside
#   others, so that they are not slowed down by all that tools/test.sh runs at once.

function(cairn_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS;LIBS" ${ARGN})
  add_library(cairn_${folder} STATIC ${ARG_SOURCES})
  add_library(cairn::${folder} ALIAS cairn_${folder})
  set(with_source "")
  set(without_source "")
  foreach(header IN LISTS ARG_HEADERS)
    string(REGEX REPLACE "\\.h$" ".cc" own_source "${header}")
    if(own_source IN_LIST ARG_SOURCES)
      list(APPEND with_source "${header}")
    else()
      list(APPEND without_source "${header}")
    endif()
  endforeach()
  target_sources(cairn_${folder}
    PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${with_source}
    PUBLIC FILE_SET without_source TYPE HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${without_source})
  set_target_properties(cairn_${folder} PROPERTIES INTERFACE_HEADER_SETS_TO_VERIFY without_source)
  target_include_directories(cairn_${folder} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_compile_options(cairn_${folder} PRIVATE ${CAIRN_WARNINGS})
  foreach(dependency IN LISTS ARG_DEPS)
    target_link_libraries(cairn_${folder} PUBLIC cairn::${dependency})
  endforeach()
  target_link_libraries(cairn_${folder} PRIVATE ${ARG_LIBS})
endfunction()

function(cairn_name_test name)
  get_property(names GLOBAL PROPERTY CAIRN_TEST_NAMES)
  if("${name}" IN_LIST names)
    message(FATAL_ERROR "Two tests are named ${name}: give one of them another name.")
  endif()
  set_property(GLOBAL APPEND PROPERTY CAIRN_TEST_NAMES "${name}")
endfunction()

function(cairn_on_both_reactors)
  set_property(TEST ${ARGN} APPEND PROPERTY LABELS reactor)
endfunction()

function(cairn_timed_tests)
  set_property(TEST ${ARGN} PROPERTY PROCESSORS 2)
endfunction()

function(cairn_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_compile_options(${name} PRIVATE ${CAIRN_WARNINGS})
  foreach(dependency IN LISTS ARG_DEPS)
    target_link_libraries(${name} PRIVATE cairn::${dependency})
  endforeach()
  target_link_libraries(${name} PRIVATE ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  cairn_name_test(${name})
  add_test(NAME ${name} COMMAND ${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  # Tests that may take long begin first, so that none of them runs alone at the end.
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  if("threads" IN_LIST ARG_LABELS)
    set_property(GLOBAL APPEND PROPERTY CAIRN_THREAD_TESTS ${name})
  endif()
  if("${ARG_LABELS}" MATCHES "unit|property|contract")
    set_property(GLOBAL APPEND PROPERTY CAIRN_MEMORY_TESTS ${name})
  endif()
  if("unit" IN_LIST ARG_LABELS AND "io" IN_LIST ARG_DEPS)
    cairn_on_both_reactors(${name})
  endif()
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT ${CAIRN_TEST_ENVIRONMENT})
endfunction()
