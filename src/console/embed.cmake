# Makes console/NAME_data.h of each page NAME.html, in the build folder.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
set(hf_console_generated ${CMAKE_CURRENT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${hf_console_generated}/console)
foreach(page status_page login_page)
  add_custom_command(
    OUTPUT ${hf_console_generated}/console/${page}_data.h
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/console/embed.py
            ${CMAKE_CURRENT_SOURCE_DIR}/console/${page}.html
            ${hf_console_generated}/console/${page}_data.h
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/console/embed.py
            ${CMAKE_CURRENT_SOURCE_DIR}/console/${page}.html
    VERBATIM)
  target_sources(hf_console PRIVATE ${hf_console_generated}/console/${page}_data.h)
endforeach()
target_include_directories(hf_console PRIVATE ${hf_console_generated})
