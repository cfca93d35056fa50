# How every room of src/ is built: hf_module(NAME DEPS ... LIBS ...).
option(HF_FUZZ "build the fuzz targets" OFF)
option(HF_COVER "measure coverage" OFF)
set(HF_SANITIZE "" CACHE STRING "value of -fsanitize=")

find_program(HF_CCACHE ccache)
if(HF_CCACHE)
  # The precompiled header would defeat ccache without these.
  set(ENV{CCACHE_SLOPPINESS} "pch_defines,time_macros,include_file_mtime,include_file_ctime")
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} ${HF_CCACHE})
endif()

add_library(hf_flags INTERFACE)
target_compile_options(hf_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wswitch -Werror -fno-omit-frame-pointer)
target_compile_definitions(hf_flags INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
  BOOST_ALLOW_DEPRECATED_HEADERS SPDLOG_FMT_EXTERNAL SPDLOG_COMPILED_LIB)
target_include_directories(hf_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(hf_flags INTERFACE -Xclang -fno-pch-timestamp)
if(HF_SANITIZE)
  # Lines are what a sanitizer's report names; the rest of the debug information costs a tenth of the build.
  target_compile_options(hf_flags INTERFACE
    -fsanitize=${HF_SANITIZE} -fno-sanitize-recover=all -gline-tables-only)
  target_link_options(hf_flags INTERFACE -fsanitize=${HF_SANITIZE})
endif()
if(HF_FUZZ)
  target_compile_options(hf_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HF_COVER)
  target_compile_options(hf_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(hf_flags INTERFACE -fprofile-instr-generate)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(GTest REQUIRED)

# One precompiled header for all rooms: the standard library and Asio.
add_library(hf_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(hf_pch PRIVATE hf_flags Threads::Threads OpenSSL::SSL fmt::fmt)
target_precompile_headers(hf_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)

# A room: every .cpp below the folder, but tests and fuzz targets, is its library hf_NAME; every
# *_test.cpp becomes one test program NAME_test; every *_fuzz.cpp a program of its own.
function(hf_module NAME)
  cmake_parse_arguments(M "" "" "DEPS;LIBS" ${ARGN})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${NAME})
  string(REPLACE "/" "_" target ${NAME})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${dir}/*_test.cpp)
  file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS ${dir}/*_fuzz.cpp)
  if(tests)
    list(REMOVE_ITEM sources ${tests})
  endif()
  if(fuzzers)
    list(REMOVE_ITEM sources ${fuzzers})
  endif()
  list(TRANSFORM M_DEPS PREPEND hf_)
  if(sources)
    add_library(hf_${target} STATIC ${sources})
    target_link_libraries(hf_${target} PUBLIC hf_flags ${M_DEPS} ${M_LIBS})
    target_precompile_headers(hf_${target} REUSE_FROM hf_pch)
  else()
    add_library(hf_${target} INTERFACE)
    target_link_libraries(hf_${target} INTERFACE hf_flags ${M_DEPS} ${M_LIBS})
  endif()
  if(tests AND NOT HF_FUZZ)
    add_executable(${target}_test ${tests})
    target_link_libraries(${target}_test PRIVATE hf_${target} GTest::gtest_main)
    target_compile_definitions(${target}_test PRIVATE HF_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_precompile_headers(${target}_test REUSE_FROM hf_pch)
    gtest_discover_tests(${target}_test DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120
                         ENVIRONMENT TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp)
  endif()
  if(HF_FUZZ)
    foreach(file ${fuzzers})
      get_filename_component(fuzzer ${file} NAME_WE)
      add_executable(${fuzzer} ${file})
      set_target_properties(${fuzzer} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
      target_link_libraries(${fuzzer} PRIVATE hf_${target})
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()

# Compiles a file into a target: hf_embed(TARGET FILE NAMESPACE FUNCTION) defines
# `std::string_view NAMESPACE::FUNCTION()`, which the target declares in a header of its own.
function(hf_embed TARGET FILE NAMESPACE FUNCTION)
  set(input ${CMAKE_CURRENT_SOURCE_DIR}/${FILE})
  set(output ${CMAKE_CURRENT_BINARY_DIR}/embedded/${FILE}.cpp)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${input} -DOUTPUT=${output} -DNAMESPACE=${NAMESPACE}
            -DFUNCTION=${FUNCTION} -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${input} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake)
  target_sources(${TARGET} PRIVATE ${output})
  set_source_files_properties(${output} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
endfunction()
