@echo off
rem Open the notebooks in JupyterLab: double-click this file.
setlocal
cd /d "%~dp0"
set "PYTHONPATH="
set "PYTHONHOME="
if exist "venv\installed.txt" goto installed
echo The course is not installed in this folder yet: run install.bat
pause
exit /b 1

:installed
"venv\Scripts\python.exe" -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks %*
if errorlevel 1 pause
