@echo off
rem Install the course from this folder, with no network: double-click this file.
setlocal
cd /d "%~dp0"
set "PICK=import sys; sys.exit('{}.{}'.format(*sys.version_info) != '@PYTHON@')"
if defined PYTHON goto named
py -@PYTHON@ -c "%PICK%" >nul 2>nul && goto launcher
python -c "%PICK%" >nul 2>nul && goto plain
echo The bundle is for Python @PYTHON@, which was not found.
echo Install it from https://www.python.org/downloads/ or name it before: set PYTHON=C:\path\to\python.exe
set "CODE=1"
goto end

:named
"%PYTHON%" install.py
set "CODE=%errorlevel%"
goto end

:launcher
py -@PYTHON@ install.py
set "CODE=%errorlevel%"
goto end

:plain
python install.py
set "CODE=%errorlevel%"

:end
pause
exit /b %CODE%
